"""RPCs: what one call is, and its way from a decoded message to etcd and back."""
