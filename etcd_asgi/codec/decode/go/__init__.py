"""JSON as Go's two protobuf libraries read it, error texts included."""
