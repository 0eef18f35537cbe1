from __future__ import annotations

import numpy as np
import pytest

from svtok.errors import SvtokError
from svtok.scoring import plda as covariances
from svtok.scoring.plda import class_covariances, diagonalise, shrink


def test_moments_by_hand() -> None:
    # two classes of two in one dimension: means 1 and 6, squares within 1 + 1 + 1 + 1 by 4 - 2 degrees of freedom;
    # mean square between 2 * (2.5^2 + 2.5^2) / (2 - 1) = 25, so the classes have the variance (25 - 2) / 2
    found = class_covariances(np.array([[0], [2], [5], [7]], np.float32), np.array([0, 0, 1, 1]))
    assert (found.mean.item(), found.within.item(), found.between.item()) == pytest.approx((3.5, 2, 11.5))


def test_classes_of_unequal_size_in_any_order_agree_with_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covariances, "ROWS_A_BLOCK", 4)
    generator = np.random.default_rng(0)
    vectors, classes = (
        generator.normal(size=(11, 3)).astype(np.float32),
        generator.permutation([0, 1, 1, 2, 2, 2] + [3] * 5),
    )
    within, between, sizes = np.zeros((3, 3)), np.zeros((3, 3)), []
    for one in range(4):
        members = vectors[classes == one].astype(np.float64)
        sizes.append(len(members))
        for member in members:
            within += np.outer(member - members.mean(axis=0), member - members.mean(axis=0)) / (11 - 4)
        of_class = members.mean(axis=0) - vectors.astype(np.float64).mean(axis=0)
        between += len(members) * np.outer(of_class, of_class) / (4 - 1)
    found = class_covariances(vectors, classes)
    np.testing.assert_allclose(found.within, within, atol=1e-6)
    usual_size = (11 - sum(size**2 for size in sizes) / 11) / 3
    np.testing.assert_allclose(found.between, (between - within) / usual_size, atol=1e-6)


def test_many_drawn_vectors_give_back_what_they_were_drawn_from() -> None:
    generator = np.random.default_rng(1)
    within, between = np.diag([1.0, 2.0]), np.array([[3.0, 1.0], [1.0, 0.5]])
    classes = np.repeat(np.arange(3000), generator.integers(1, 6, 3000))
    vectors = generator.multivariate_normal([5, -5], between, 3000)[classes]
    vectors += generator.multivariate_normal([0, 0], within, len(classes))
    found = class_covariances(vectors.astype(np.float32), classes)
    np.testing.assert_allclose(found.mean, [5, -5], atol=0.1)
    np.testing.assert_allclose(found.within, within, atol=0.1)
    np.testing.assert_allclose(found.between, between, atol=0.25)


@pytest.mark.parametrize("classes", [[0, 0, 0], [0, 1, 2]])
def test_one_class_or_one_utterance_a_class_is_refused(classes: list[int]) -> None:
    with pytest.raises(SvtokError, match=f"3 utterances in {max(classes) + 1} classes: a back-end is trained on 2"):
        class_covariances(np.eye(3, dtype=np.float32), np.array(classes))


def test_shrinkage_keeps_the_trace_and_ends_in_a_ball() -> None:
    within = np.array([[3.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(shrink(within, 0), within)
    np.testing.assert_array_equal(shrink(within, 0.5), [[2.5, 0.5], [0.5, 1.5]])
    np.testing.assert_array_equal(shrink(within, 1), 2 * np.eye(2))


def test_a_basis_makes_one_covariance_the_identity_and_the_other_diagonal() -> None:
    generator = np.random.default_rng(2)
    within, between = (half @ half.T for half in generator.normal(size=(2, 4, 4)))
    basis, ratios = diagonalise(between, within)
    np.testing.assert_allclose(basis.T @ within @ basis, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(basis.T @ between @ basis, np.diag(ratios), atol=1e-9)
    assert (np.diff(ratios) < 0).all()


def test_a_singular_covariance_is_named_with_what_helps() -> None:
    with pytest.raises(SvtokError, match="singular in 2 dimensions: name a higher shrinkage"):
        diagonalise(np.eye(2), np.zeros((2, 2)))
