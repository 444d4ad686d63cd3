from tests.end_to_end.conftest import digits_npz, pellucid

__all__ = ["digits_npz", "pellucid"]
