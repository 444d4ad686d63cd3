"""Planning: data made ready, the network and recipe decided, and what cannot be trained refused."""
