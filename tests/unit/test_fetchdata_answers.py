import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bucket_policies.api import CredentialsAnswer, GrantedFile, OfferedFile, UploadAnswer, UploadRequest
from bucket_policies.manifest import Manifest
from fetchdata.answers import ShapeError, parse, plain
from fetchdata.api import Load

GRANT = {
    "name": "a.csv",
    "key": "a.csv",
    "url": "u",
    "headers": {"a": "b"},
    "expires_at": "2026-01-31T12:00:00Z",
}
VIOLATION = {"rule": "size", "value": 9, "limit": "8", "message": "too large"}
LOAD = {"load_id": "l1", "key": "a.csv", "status": "loaded", "event_at": "2026-01-31T12:00:00.123456Z"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*GRANT, "violations"]), inner)
    ),
    max_leaves=8,
)


def answer(*files: object, **keys: object) -> bytes:
    return json.dumps({"upload_id": "u1", "status_token": "t", "files": files} | keys).encode()


def test_a_granted_file_is_read_with_its_aware_time() -> None:
    assert parse(answer(GRANT | {"of_a_newer_service": 1}), UploadAnswer).files == (
        GrantedFile(
            name="a.csv",
            key="a.csv",
            url="u",
            headers={"a": "b"},
            expires_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        answer(upload_id=1),
        answer(status_token=None),
        answer(files=None),
        answer(files="abc"),
        answer(files={"name": "a.csv"}),
        answer("a.csv"),
        answer({"name": "a.csv"}),
        answer(GRANT | {"name": ["a.csv"]}),
        answer(GRANT | {"headers": {"a": 1}}),
        answer(GRANT | {"headers": ["a"]}),
        answer(GRANT | {"expires_at": 1769860800}),
        answer(GRANT | {"expires_at": "2026-01-31T12:00:00"}),
        answer({"name": "a.csv", "violations": [VIOLATION | {"value": True}]}),
        answer({"name": "a.csv", "violations": [VIOLATION | {"value": 1.5}]}),
        answer({"name": "a.csv", "violations": VIOLATION}),
    ],
)
def test_an_answer_of_another_shape_is_refused(text: bytes) -> None:
    with pytest.raises(ShapeError):
        parse(text, UploadAnswer)


@pytest.mark.parametrize("figure", ["3", True, 3.0])
def test_no_value_is_converted_to_fit(figure: object) -> None:
    with pytest.raises(ShapeError):
        parse(json.dumps(LOAD | {"rows_read": figure}).encode(), Load)


@given(json_values)
def test_whatever_a_server_answers_is_an_answer_or_a_shape_error(value: object) -> None:
    for text in (json.dumps(value).encode(), answer(value)):
        with suppress(ShapeError):
            assert isinstance(parse(text, UploadAnswer), UploadAnswer)


def test_what_was_read_is_written_as_it_came() -> None:
    written = plain(parse(json.dumps(LOAD).encode(), Load))

    assert {name: value for name, value in written.items() if value is not None} == LOAD


def test_the_service_takes_the_manifest_that_the_customer_sends() -> None:
    files = (OfferedFile(name="a.csv", size=0, sha256="0" * 64),)

    body = json.dumps(plain(UploadRequest(files=files)))

    assert Manifest.model_validate_json(body).offered() == files


def test_a_time_of_any_zone_is_kept() -> None:
    document = {
        "access_key_id": "id",
        "secret_access_key": "secret",
        "session_token": "token",
        "expires_at": "2026-01-31T14:00:00+02:00",
        "endpoint_url": "https://s3.test",
        "region": "us-east-1",
        "bucket": "staging-acme",
        "formats": [".csv"],
        "number_files": 10,
    }

    read = parse(json.dumps(document).encode(), CredentialsAnswer)

    assert read.expires_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert read.expires_at.utcoffset() == timedelta(hours=2)
    assert plain(read) == document
