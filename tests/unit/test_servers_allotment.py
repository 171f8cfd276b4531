"""Ports and passwords of an instance: made once, kept, private."""

from pathlib import Path

from servers.allotment import PORT_RANGE, Passwords, choose_ports, kept, write_private


def test_chosen_ports_are_free_and_different() -> None:
    ports = choose_ports(50, is_free=lambda port: port % 2 == 0)

    assert len(set(ports)) == 50
    assert all(port in PORT_RANGE and port % 2 == 0 for port in ports)


def test_values_are_made_once_and_then_kept(tmp_path: Path) -> None:
    assert kept(tmp_path / "ports.json", ["s3", "cql"], lambda _: [1, 2]) == {"s3": 1, "cql": 2}
    assert kept(tmp_path / "ports.json", ["s3", "cql"], lambda _: [8, 9]) == {"s3": 1, "cql": 2}


def test_a_new_name_gets_a_value_and_the_old_ones_stay(tmp_path: Path) -> None:
    kept(tmp_path / "ports.json", ["s3"], lambda _: [1])

    assert kept(tmp_path / "ports.json", ["s3", "cql"], lambda _: [7]) == {"s3": 1, "cql": 7}


def test_passwords_differ_are_private_and_do_not_show(tmp_path: Path) -> None:
    passwords = Passwords.of(tmp_path)

    assert passwords.s3_root != passwords.amqp_admin
    assert len(passwords.s3_root) == 32
    assert (tmp_path / "passwords.json").stat().st_mode & 0o777 == 0o600
    assert passwords.s3_root not in repr(passwords)


def test_a_private_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("old")

    write_private(tmp_path / "env", "KEY=new\n")

    assert (tmp_path / "env").read_text() == "KEY=new\n"
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["env"]
