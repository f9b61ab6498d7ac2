//! Both ends against each other, and against what real clients sent.
