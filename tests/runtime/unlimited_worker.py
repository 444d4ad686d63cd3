"""The program of a child that computes ONNX files on a system without a limit of memory."""

import resource

from pellucid.confined import onnx_worker

del resource.RLIMIT_AS

if __name__ == "__main__":
    onnx_worker.main()
