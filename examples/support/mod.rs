//! What every example needs and none is about: arguments and signals.
