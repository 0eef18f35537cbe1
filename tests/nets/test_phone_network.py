"""The phone network: shapes, padding, the rate of its embeddings, what it learns by CTC."""

import pytest
import torch
from torch.nn import functional

from svtok.nets.phone_network import PhoneNetwork, PhoneNetworkConfig

pytestmark = pytest.mark.slow

LENGTHS = torch.tensor([23, 9, 14])


def small(subsample: int = 2) -> PhoneNetworkConfig:
    return PhoneNetworkConfig(
        front_end={"channels": 6, "blocks": [6, 8], "kernel": 3, "subsample": subsample}, bottleneck=4
    )


def trained(subsample: int) -> PhoneNetwork:
    """A network in evaluation mode whose BatchNorms have seen data, so that a padded frame would not stay 0."""
    torch.manual_seed(1)
    network = PhoneNetwork(small(subsample), feature_dim=5, phones=3).train()
    for _ in range(5):
        network(torch.randn(4, 23, 5) + 1, torch.tensor([23, 20, 9, 11]))
    return network.eval()


@pytest.mark.parametrize("subsample", [1, 2, 3])
def test_padding_changes_nothing_whatever_it_holds(subsample: int) -> None:
    network = trained(subsample)
    frames = torch.randn(3, 30, 5) * 100
    with torch.no_grad():
        logits, counts = network(frames, LENGTHS)
        together = network.embed(frames, LENGTHS)
        for row, length in enumerate(LENGTHS.tolist()):
            one, one_length = frames[row : row + 1, :length], LENGTHS[row : row + 1]
            alone, count = network(one, one_length)
            assert count.item() == counts[row].item() == -(-length // subsample)
            torch.testing.assert_close(logits[row, :count], alone[0], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(together[row, :length], network.embed(one, one_length)[0], atol=1e-5, rtol=1e-5)
            assert (together[row, length:] == 0).all()


def test_embeddings_have_the_rate_of_the_frames_and_give_the_logits() -> None:
    network = trained(subsample=2)
    frames, lengths = torch.randn(1, 7, 5), torch.tensor([7])
    with torch.no_grad():
        embeddings, (logits, _) = network.embed(frames, lengths), network(frames, lengths)
        assert embeddings.shape == (1, 7, 4)
        assert embeddings.abs().max() <= 1
        torch.testing.assert_close(embeddings[:, 0:6:2], embeddings[:, 1::2])
        torch.testing.assert_close(network.output(embeddings[:, ::2]), logits)


def test_it_learns_the_phones_of_two_utterances_by_ctc() -> None:
    torch.manual_seed(0)
    front_end = {"channels": 6, "blocks": [8], "layers_per_block": 1}
    network = PhoneNetwork(PhoneNetworkConfig(front_end=front_end, bottleneck=4), feature_dim=5, phones=3).train()
    frames, lengths = torch.randn(2, 12, 5), torch.tensor([12, 10])
    targets, sizes = torch.tensor([1, 2, 1, 3, 3]), torch.tensor([3, 2])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    for _ in range(70):
        logits, counts = network(frames, lengths)
        loss = functional.ctc_loss(logits.log_softmax(2).transpose(0, 1), targets, counts, sizes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.1


def test_no_phones_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 phone, not 0"):
        PhoneNetwork(small(), feature_dim=5, phones=0)


def test_posteriors_are_those_of_the_phones_without_the_blank() -> None:
    network = trained(subsample=2)
    frames, lengths = torch.randn(2, 9, 5), torch.tensor([9, 5])
    with torch.no_grad():
        posteriors, counts = network.posteriors(frames, lengths)
        logits, _ = network(frames, lengths)
    everything = logits.softmax(dim=-1)
    torch.testing.assert_close(posteriors, everything[..., 1:] / (1 - everything[..., :1]))
    assert counts.tolist() == [5, 3]
