"""The format of model folders: fields read strictly, weights checked before anything is allocated."""
