"""What is declared on the broker, and how a message finds its way through it."""

from typing import Any

from ingest_manager.queues import topology

DAY_MS = 86_400_000


def arguments() -> dict[str, dict[str, Any]]:
    return {queue.name: queue.arguments for queue in topology.queues((1, 10))}


def test_exchange_that_minio_declares_too_is_declared_as_minio_does() -> None:
    [first, *_] = topology.exchanges()
    assert (first.name, first.kind, first.arguments) == ("bucket-events", "topic", {})


def test_events_of_unknown_buckets_go_to_a_queue_of_their_own() -> None:
    alternates = {
        exchange.name: exchange.arguments.get("alternate-exchange") for exchange in topology.exchanges()
    }
    assert alternates["events-by-bucket"] == "unrouted"
    assert topology.Binding("unrouted", "ingest.unrouted") in topology.bindings()


def test_events_are_routed_by_bucket_and_logged() -> None:
    ways = {(way.source, way.target, way.to_exchange, way.routing_key) for way in topology.bindings()}
    assert ("bucket-events", "events-by-bucket", True, "#") in ways
    assert ("bucket-events", "event-log", False, "#") in ways


def test_event_log_is_a_stream_of_fourteen_days() -> None:
    assert arguments()["event-log"] == {"x-queue-type": "stream", "x-max-age": "14D"}


def test_each_pause_has_a_queue_that_forwards_safely_when_it_is_over() -> None:
    assert [name for name in arguments() if name.startswith("retry.")] == ["retry.1s", "retry.10s"]
    assert arguments()["retry.10s"] == {
        "x-queue-type": "quorum",
        "x-message-ttl": 10_000,
        "x-dead-letter-exchange": "events-by-bucket",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_event_that_finds_no_customer_for_a_day_is_dead_lettered() -> None:
    unrouted = arguments()["ingest.unrouted"]
    assert (unrouted["x-message-ttl"], unrouted["x-dead-letter-exchange"]) == (DAY_MS, "dead-letters")


def test_customers_queue_takes_the_events_of_its_bucket_only() -> None:
    binding = topology.customer_binding("staging-acme", "ingest.acme")
    assert (binding.source, binding.target) == ("events-by-bucket", "ingest.acme")
    assert binding.arguments == {"x-match": "all", "minio-bucket": "staging-acme"}


def test_delivery_limit_is_never_endless() -> None:
    queue = topology.customer_queue("ingest.acme")
    assert queue.arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 1_000,
        "x-dead-letter-exchange": "dead-letters",
    }
