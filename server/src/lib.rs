//! The scheduler daemon: gRPC services in, proposals out, soft state, metrics
