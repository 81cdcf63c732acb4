"""What `commands.completion` counts on in argparse, each by its name."""

from argparse import ArgumentParser

from sweepformer.commands.completion import arguments_of, flags_of, may_come_again


def test_a_parser_lists_what_it_takes() -> None:
    parser = ArgumentParser(add_help=False)
    parser.add_argument("run")
    parser.add_argument("--data", "-d", action="append")
    parser.add_argument("--top", type=int)
    parser.add_mutually_exclusive_group().add_argument("files", nargs="?")
    assert [action.dest for action in arguments_of(parser)] == ["run", "files"]
    assert {flag: action.dest for flag, action in flags_of(parser).items()} == {
        "--data": "data",
        "-d": "data",
        "--top": "top",
    }
    assert [flag for flag, action in flags_of(parser).items() if may_come_again(action)] == ["--data", "-d"]
