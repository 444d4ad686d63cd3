"""ONNX files of others: refused where they are no plain graph, and computed in a process under limits."""
