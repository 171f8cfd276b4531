#!/bin/sh
# Install the Debian packages named as arguments (as root) without a RabbitMQ starting up beside ours.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Debian starts what it installs unless this file says no. Ours says it for one service and only while
# this script runs, so that it cannot matter if the script is killed before it removes the file.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    cat > "$policy" <<END
#!/bin/sh
case "\$1" in rabbitmq-server*) [ ! -d /proc/$$ ] || exit 101 ;; esac
END
    chmod 755 "$policy"
fi

dpkg --configure -a # completes what an interrupted installation left
apt-get update
apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"

case " $* " in
*" rabbitmq-server "*)
    if [ -d /run/systemd/system ]; then
        systemctl disable --now rabbitmq-server # else it would start at the next boot, on port 5672
    fi
    ;;
esac
