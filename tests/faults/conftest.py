from tests.end_to_end.conftest import digits_npz, pellucid, process

__all__ = ["digits_npz", "pellucid", "process"]
