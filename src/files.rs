//! How many files the process may have open: each connection is one.

/// Asks for as many as the process may have at all: shells and services begin with 1,024, which is for programs that use
/// `select`. How many that are; none: unlimited, or not known here.
pub(crate) fn raise_limit() -> Option<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // Where it isn't allowed, it stays as it was.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok())
    }
    #[cfg(not(target_os = "linux"))]
    None
}
