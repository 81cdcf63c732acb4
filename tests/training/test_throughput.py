"""What is counted as speed."""

from sweepformer.training.callbacks.throughput import Throughput


def test_checkpoints_from_before_something_was_counted_still_load() -> None:
    throughput = Throughput()
    throughput.load_state_dict({"tokens": 600, "positions": 800, "seconds": 2.0})
    assert (throughput.tokens_per_second, throughput.padding_share, throughput.mfu) == (300, 0.25, None)
    again = Throughput()
    again.load_state_dict(throughput.state_dict())
    assert again.tokens_per_second == 300
