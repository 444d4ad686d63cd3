"""The whole way from a model's inputs to its answers as layers of torch, which exporters can follow."""
