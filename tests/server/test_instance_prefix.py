"""A gateway is the same one after a restart, as far as its folder can tell."""

from aribridge.core.instance import NAMED, Instance
from aribridge.server.instance import FILE, load_instance


def test_it_is_the_same_in_the_next_run(tmp_path):
    folder = tmp_path / "state"
    first = load_instance(folder)
    assert first.prefix.startswith(NAMED)
    assert load_instance(folder) == first


def test_two_gateways_differ(tmp_path):
    assert load_instance(tmp_path / "one") != load_instance(tmp_path / "two")


def test_only_its_user_may_read_the_file(tmp_path):
    load_instance(tmp_path / "state")
    assert (tmp_path / "state" / FILE).stat().st_mode & 0o77 == 0
    assert [path.name for path in (tmp_path / "state").iterdir()] == [FILE]


def test_a_file_that_holds_something_else_is_replaced(tmp_path):
    (tmp_path / FILE).write_text("something else\n")
    instance = load_instance(tmp_path)
    assert instance.prefix.startswith(NAMED)
    assert load_instance(tmp_path) == instance


def test_a_folder_that_cannot_be_written_keeps_no_gateway_from_running(tmp_path):
    (tmp_path / "file").write_text("")
    assert load_instance(tmp_path / "file").prefix.startswith(NAMED)


def test_ids_follow_from_what_they_are_about():
    instance = Instance("aribridge-00000000")
    assert instance.name("alice", "pbx") == instance.name("alice", "pbx")
    assert (
        len({instance.name("ab", "c"), instance.name("a", "bc"), instance.name("abc"), instance.name("ab", "c", "")})
        == 4
    )
    assert instance.named(instance.name("alice"))
    assert not Instance("aribridge-11111111").named(instance.name("alice"))
