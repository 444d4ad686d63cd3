"""Cost of one answer of an ONNX graph, from the shapes in the file, before anything is computed."""
