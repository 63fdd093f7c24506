"""The words of the package: what is searched, what is found, and what may stay."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tools import check_words
from tools.check_words import Search, load, main, parts_of, texts_of

ROOT = Path(check_words.__file__).parent.parent

GLOSSARY = """
clean = [{clean}]

[[terms]]
say = "response"
words = ["answers?"]

[[terms]]
say = "the client disconnects"
words = ["client( that)? (has left|leaves)"]
kinds = ["docstring", "comment"]

[[terms]]
say = "disconnect"
words = ["leave"]
kinds = ["function"]

[[terms]]
say = "the noun first"
words = ["what"]
kinds = ["docstring"]
begins = true
"""
EXCEPTION = """
[[exceptions]]
text = "{text}"
files = "{files}"
reason = "as it is public"
"""

Package = Callable[..., Path]
"""``package(source, clean="", exceptions="")``: a checkout with ``etcd_asgi/module.py``."""


@pytest.fixture
def package(tmp_path: Path) -> Package:
    def write(source: str, *, clean: str = "", exceptions: str = "") -> Path:
        for folder in ("etcd_asgi", "tools"):
            (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / "etcd_asgi/module.py").write_text(source)
        (tmp_path / "tools/words.toml").write_text(GLOSSARY.format(clean=clean) + exceptions)
        return tmp_path

    return write


def _found(root: Path) -> list[str]:
    search = Search(load(root / "tools/words.toml"), root)
    return [str(one).partition(";")[0] for one in search.findings]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""An answer."""', '1: "answer" (docstring)'),
        ('"""A module."""\n\nA = 1\n"""The\nANSWER to all."""', '5: "ANSWER" (docstring)'),
        ("def f() -> None:\n    '''Answers.'''", '2: "Answers" (docstring)'),
        ("# begins,\n# and answers", '2: "answers" (comment)'),
        ("a = 1  # an answer", '1: "answer" (comment)'),
        ("# of a client that\n# leaves", '1: "client that leaves" (comment)'),
        ('"""What it is."""', '1: "What" (docstring)'),
        ("def leave() -> None: ...", '1: "leave" (function)'),
        ("async def may_leave(): ...", '1: "leave" (function)'),
        ("max_answer_bytes = 1", '1: "answer" (name)'),
        ("class HTTPAnswers: ...", '1: "answers" (name)'),
        ("def f(answer): ...", '1: "answer" (name)'),
        ("a.answer = 1", '1: "answer" (name)'),
        ("import a as answer", '1: "answer" (name)'),
        ("for answer in (): ...", '1: "answer" (name)'),
        ("try: ...\nexcept OSError as answer: ...", '2: "answer" (name)'),
        ("match 1:\n    case answer: ...", '2: "answer" (name)'),
        ("match 1:\n    case [*answer]: ...", '2: "answer" (name)'),
        ("match 1:\n    case {**answer}: ...", '2: "answer" (name)'),
    ],
)
def test_a_word_is_found_wherever_the_code_speaks(
    package: Package, source: str, found: str
) -> None:
    assert _found(package(source)) == [f"etcd_asgi/module.py:{found}"]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('"""Of answering, and a nonanswer."""', id="part of a word"),
        pytest.param('"""As ``answer`` and\n`an\nanswer`."""', id="in backticks"),
        pytest.param('print("the answer")', id="a text that users see"),
        pytest.param("print(answer.answers)", id="a name of others"),
        pytest.param("def __answer__(): ...", id="a name of the language"),
        pytest.param("leave = 1", id="a word that is left out of functions only"),
        pytest.param('"""A thing: what it is."""', id="a word that is left out at the beginning"),
        pytest.param("# what it is", id="a beginning of a comment"),
        pytest.param('# a client\n\nb = "leaves"', id="a phrase that is none"),
    ],
)
def test_nothing_else_is_found(package: Package, source: str) -> None:
    assert _found(package(source)) == []


def test_findings_are_in_the_order_of_the_lines(package: Package) -> None:
    source = 'answer = 1\nclass A:\n    """Answers."""\n# answers\nanswers = 2\n'
    lines = [one.split(":")[1] for one in _found(package(source))]
    assert lines == ["1", "3", "4", "5"]


def test_comments_apart_from_each_other_are_texts_of_their_own(package: Package) -> None:
    assert _found(package("# a client\na = 1\n# leaves")) == []


def test_the_name_of_a_file_counts(package: Package) -> None:
    root = package("")
    (root / "etcd_asgi/answers").mkdir()
    (root / "etcd_asgi/answers/__init__.py").touch()
    assert _found(root) == ['etcd_asgi/answers/__init__.py:1: "answers" (name)']


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("max_answer_bytes", "max answer bytes"),
        ("MaxAnswerBytes", "max answer bytes"),
        ("_MAX_ANSWER", "max answer"),
        ("HTTPAnswer2", "http answer 2"),
        ("_", ""),
    ],
)
def test_a_name_is_split_into_its_words(name: str, parts: str) -> None:
    assert parts_of(name) == parts


def test_a_finding_says_what_to_say(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["etcd_asgi/module.py"], package("answer = 1")) == 1
    assert capsys.readouterr().out == ('etcd_asgi/module.py:1: "answer" (name); say: response\n')


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("max_answer_bytes = 1", "max_answer_bytes"),
        ('"""The answer\nof 42."""', "answer of 42"),
    ],
)
def test_an_exception_lets_a_word_stay(package: Package, source: str, text: str) -> None:
    exceptions = EXCEPTION.format(text=text, files="etcd_asgi/*")
    assert _found(package(source, exceptions=exceptions)) == []


@pytest.mark.parametrize(
    ("text", "files"),
    [("max_answer", "*"), ("answer", "*"), ("max_answer_bytes", "etcd_asgi/other.py")],
)
def test_an_exception_is_for_one_name_where_it_says(
    package: Package, text: str, files: str
) -> None:
    exceptions = EXCEPTION.format(text=text, files=files)
    assert len(_found(package("max_answer_bytes = 1", exceptions=exceptions))) == 1


def test_an_exception_for_a_phrase_leaves_the_word_beside_it(package: Package) -> None:
    exceptions = EXCEPTION.format(text="answer of 42", files="*")
    source = '"""The answer of 42 is an answer."""'
    assert len(_found(package(source, exceptions=exceptions))) == 1


def test_an_exception_that_excepts_nothing_fails_the_check(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    exceptions = EXCEPTION.format(text="max_answer_bytes", files="*")
    assert main(["--check"], package("", exceptions=exceptions)) == 1
    assert "max_answer_bytes" in capsys.readouterr().out


def test_an_exception_needs_a_reason(package: Package) -> None:
    with pytest.raises(TypeError, match="reason"):
        main([], package("", exceptions='[[exceptions]]\ntext = "answer"\n'))


def test_the_check_is_strict_with_what_is_listed_as_clean_alone(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check"], package("answer = 1")) == 0
    assert capsys.readouterr().out == ""
    for clean in ('"etcd_asgi"', '"etcd_asgi/module.py"'):
        assert main(["--check"], package("answer = 1", clean=clean)) == 1
        assert "module.py:1:" in capsys.readouterr().out


@pytest.mark.parametrize("clean", ["etcd_asgi/other.py", "etcd_asgi/mod"])
def test_a_listed_file_that_is_not_there_fails_the_check(package: Package, clean: str) -> None:
    assert main(["--check"], package("", clean=f'"{clean}"')) == 1


def test_the_report_counts_and_never_fails(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    root = package("answer = 1  # Answer, of answers", clean='"etcd_asgi/listed.py"')
    (root / "etcd_asgi/listed.py").touch()
    (root / "etcd_asgi/other.py").touch()
    assert main([], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "    3  etcd_asgi/module.py  (answer 2, answers 1)",
        "    3  in 1 of 3 files",
        "    0  etcd_asgi/other.py: could be listed as clean",
    ]


def test_our_own_glossary_is_well_formed() -> None:
    glossary = load(ROOT / check_words.GLOSSARY)
    assert list(glossary.clean) == sorted(set(glossary.clean))
    for term in glossary.terms:
        assert term.say
        assert set(term.kinds) <= set(check_words.KINDS), asdict(term)
        assert term.pattern.search("") is None


@pytest.mark.parametrize(
    "prose",
    [
        "A client that leaves.",
        "The client has left.",
        "Waits for the client to leave.",
        "An etcd that is gone.",
        "It is told to the host.",
        "Takes the watch up again.",
        "The way to etcd.",
        "Each room has a floor.",
        "A mistake of the host.",
        "In two pieces.",
        "Whether it is so.",
        "Whose it is.",
        "For whoever asks.",
    ],
)
def test_our_own_glossary_finds_the_words_left_out(prose: str) -> None:
    assert _in_docstring(prose)


@pytest.mark.parametrize(
    "prose",
    [
        "The head has gone out.",
        "Values are left out, and nothing is left.",
        "The handler leaves the rest to the caller.",
        "There is room for more bytes.",
        "The client is left waiting.",
        "The function says whether it is so.",
        "A response, in chunks.",
    ],
)
def test_our_own_glossary_leaves_common_english_alone(prose: str) -> None:
    assert _in_docstring(prose) == []


def _in_docstring(prose: str) -> list[str]:
    glossary = load(ROOT / check_words.GLOSSARY)
    texts = texts_of(f'"""{prose}"""', "etcd_asgi/module.py")
    return [one.word for text in texts for one in glossary.found_in("module.py", text)]
