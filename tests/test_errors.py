"""Messages that a user can act on."""

import pytest

from svtok.errors import Problem, ProblemsError, raise_problems, unknown_name


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("is empty"), "is empty"),
        (Problem("is empty", "a.wav"), "a.wav: is empty"),
        (Problem("id is there twice", "u.tsv", 7), "u.tsv:7: id is there twice"),
    ],
)
def test_a_problem_says_where_it_is_as_far_as_known(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_all_problems_are_named_and_counted() -> None:
    with pytest.raises(ProblemsError, match=r"^2 problems found\n  one\n  two$") as caught:
        raise_problems([Problem("one"), Problem("two")])
    assert len(caught.value.problems) == 2
    with pytest.raises(ProblemsError, match=r"^1 problem found\n"):
        raise_problems([Problem("one")])


def test_no_problem_raises_nothing() -> None:
    raise_problems([])


def test_an_unknown_name_is_named_with_the_known_and_the_nearest() -> None:
    assert unknown_name("head", "csl", ["avg", "cls"]) == "unknown head 'csl' (known: avg, cls); did you mean 'cls'?"
    assert unknown_name("head", "xyz", ["avg", "cls"]) == "unknown head 'xyz' (known: avg, cls)"
