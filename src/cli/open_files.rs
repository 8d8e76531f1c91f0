//! How many files this process may have open, of which every connection is one. Shells and systemd give 1,024 and let a
//! process take more: with those a thousand clients that only listen would keep everyone else out.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::base::chain::Chain;

/// Takes as many as the system lets it.
pub(super) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(
            error = %Chain(&error),
            open_files = current,
            "the limit on open files stays as it is"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_lets_a_process_have_is_taken() {
        raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
