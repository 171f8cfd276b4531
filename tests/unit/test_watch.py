"""Documents are applied when they change, and until it works."""

import json
import threading

import pytest
import structlog

from bucket_policies import watch
from bucket_policies.customers import CustomerDirectory
from bucket_policies.errors import UnreachableError
from bucket_policies.mirror import Difference


class FakeMirror:
    """Notes the customers that it is asked to apply; answers what is put in, else no difference."""

    def __init__(self):
        self.applied = []
        self.answers = []

    def __call__(self, customers):
        self.applied.append([customer.id for customer in customers])
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer


def write(folder, customer, **changes):
    document = {"formats": [".csv"], "number_files": 2, "data_sizes": 4} | changes
    (folder / f"{customer}.json").write_text(json.dumps(document))


@pytest.fixture
def mirror():
    return FakeMirror()


@pytest.fixture
def subject(tmp_path, mirror):
    write(tmp_path, "acme")
    return watch.Watch(CustomerDirectory(tmp_path), mirror)


def looks(subject, times=1):
    with structlog.testing.capture_logs() as lines:
        for _ in range(times):
            subject.look()
    return [(line["event"], line.get("what")) for line in lines]


def test_documents_are_applied_at_the_start_and_not_again(subject, mirror):
    looks(subject, 3)

    assert mirror.applied == [["acme"]]


def test_new_and_changed_documents_are_applied(subject, mirror, tmp_path):
    looks(subject)
    write(tmp_path, "globex")
    looks(subject)
    write(tmp_path, "acme", number_files=300)
    looks(subject)

    assert mirror.applied == [["acme"], ["acme", "globex"], ["acme", "globex"]]


def test_bad_document_is_told_once_and_the_others_go_on(subject, mirror, tmp_path):
    (tmp_path / "bad.json").write_text("{")

    assert looks(subject, 2) == [
        ("MinIO equals the documents", None),
        ("not applied", "document bad.json"),
    ]
    assert mirror.applied == [["acme"]]


def test_store_that_is_away_is_tried_until_it_answers_and_told_once(subject, mirror):
    mirror.answers = [UnreachableError("MinIO", "refused")] * 2

    assert looks(subject, 4) == [("not applied", "MinIO"), ("MinIO equals the documents", None)]
    assert mirror.applied == [["acme"]] * 3


def test_part_that_cannot_be_mended_is_tried_again(subject, mirror):
    done = Difference("bucket staging-acme", None, "exists")
    refused = Difference("bucket staging-acme: notifications", None, [], "MinIO refused a change")
    mirror.answers = [[done, refused]]

    assert looks(subject, 2) == [
        ("applied", "bucket staging-acme"),
        ("not applied", "bucket staging-acme: notifications"),
        ("MinIO equals the documents", None),
    ]


def watched(folder, change, **settings):
    """Run a watch until it has applied a customer; `change` follows the first look and is told of the end."""
    over, applied = threading.Event(), []

    def apply(customers):
        applied.append([customer.id for customer in customers])
        if customers:
            over.set()
        else:
            threading.Timer(0.1, change, (over,)).start()
        return []

    watch.run(folder, apply, over, **settings)
    return applied


def test_running_watch_takes_up_a_new_document_and_ends_when_told(tmp_path):
    def write_often(over):  # the first time may be before the watch has begun
        while not over.wait(0.1):
            write(tmp_path, "acme")

    assert watched(tmp_path, write_often, look_seconds=3600) == [[], ["acme"]]


def test_document_of_which_the_file_system_tells_nothing_is_found_all_the_same(tmp_path):
    folder, old, new = (tmp_path / name for name in ("customers", "old", "new"))
    old.mkdir()
    new.mkdir()
    write(new, "acme")
    folder.symlink_to(old)

    def replace_link(over):  # nothing happens in the folder that is watched
        (tmp_path / "link").symlink_to(new)
        (tmp_path / "link").rename(folder)

    assert watched(folder, replace_link, look_seconds=0.05) == [[], ["acme"]]


def test_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    folder = tmp_path / "customers"

    def make_folder(over):
        folder.mkdir()
        write(folder, "acme")

    assert watched(folder, make_folder, look_seconds=0.05) == [[], ["acme"]]
