"""Export of trained models as ONNX files that have proved to answer as the model does."""
