//! The worker's side: starting a program under a supervisor, and holding the leash.

use std::ffi::OsString;
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::{Exit, Program, SUPERVISE};

/// What process lists show for supervisors.
pub(super) const NAME: &str = "agentic-executions";

/// Of what a program writes to standard error, the last so many bytes are kept.
const TAIL: usize = 16 * 1024;

/// A supervisor has nothing to do after its tree is gone; this long it may take for that.
const END_WITHIN: Duration = Duration::from_secs(10);

/// Starts programs. Clones are the same.
#[derive(Clone, Debug)]
pub struct Launcher {
    binary: PathBuf,
}

/// How much of a program's time and output is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From its start to its end.
    pub time: Duration,
    /// On standard output.
    pub output_bytes: usize,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No process could be started.
    #[error("a process cannot be started")]
    Start(#[source] io::Error),
    /// It did not end in time, and was ended.
    #[error("it took longer than {0:?}")]
    TooSlow(Duration),
    /// It said more than is taken, and was ended.
    #[error("it gave more than {0} bytes")]
    TooLong(usize),
    /// It ended in another way than with code 0.
    #[error("{exit}")]
    Failed {
        /// How.
        exit: Exit,
        /// The output before.
        output: Vec<u8>,
        /// The end of its standard error.
        said: String,
    },
}

impl Launcher {
    /// Children are supervised by this very binary, whose `main` hands its arguments to
    /// [`main`](super::main) first.
    pub fn this_program() -> Self {
        Self {
            binary: this_binary(),
        }
    }

    /// Children are supervised by that binary.
    pub fn of(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
        }
    }

    /// The binary, to be started as a child itself: `environment` and limits are still to be given.
    pub fn own(&self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Program {
        Program {
            file: self.binary.clone().into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            ..Program::default()
        }
    }

    /// Starts a program. That it cannot be found is seen by its [`Exit`] alone, as the supervisor
    /// looks for it.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(&self, program: &Program) -> io::Result<Child> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let leash = ours.try_clone()?;
        let heard = UnixStream::from_std(ours)?;
        let mut command = Command::new(&self.binary);
        command
            .arg0(NAME)
            .arg(SUPERVISE)
            .args(program.limits.to_arguments())
            .arg(found(program))
            .args(&program.arguments)
            .env_clear()
            .envs(&program.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(OwnedFd::from(theirs)));
        if let Some(directory) = &program.directory {
            command.current_dir(directory);
        }
        let mut supervisor = command.spawn()?;
        // It holds their end of the leash, which must be the supervisor's alone.
        drop(command);
        let said = Arc::<Mutex<Vec<u8>>>::default();
        Ok(Child {
            stdin: supervisor.stdin.take(),
            stdout: supervisor.stdout.take(),
            supervisor,
            leash,
            hearing: tokio::spawn(hear(heard, Arc::clone(&said))),
            said,
        })
    }

    /// Starts a program, gives it all of `input`, and waits for all of its output.
    ///
    /// # Errors
    /// [`RunError`]; nothing of the program is left then.
    pub async fn run(&self, program: &Program, input: &[u8], bounds: Bounds) -> Result<Vec<u8>, RunError> {
        let mut child = self.start(program).map_err(RunError::Start)?;
        let ended = tokio::time::timeout(bounds.time, child.talk(input, bounds.output_bytes)).await;
        let (exit, output) = match ended {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => {
                child.end().await;
                return Err(error);
            }
            Err(_) => {
                child.end().await;
                return Err(RunError::TooSlow(bounds.time));
            }
        };
        if exit.is_success() {
            return Ok(output);
        }
        let said = child.said_all().await;
        Err(RunError::Failed { exit, output, said })
    }
}

/// A program that runs, with all that it has started. It ends when this is dropped.
#[derive(Debug)]
pub struct Child {
    /// To be taken, and dropped when there is no more to say.
    pub stdin: Option<ChildStdin>,
    /// To be taken.
    pub stdout: Option<ChildStdout>,
    supervisor: tokio::process::Child,
    leash: std::os::unix::net::UnixStream,
    /// Ends with the last of the tree.
    hearing: JoinHandle<()>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Child {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Child {
    /// Waits for its end; when it has ended, nothing that it started is left either.
    ///
    /// # Errors
    /// When the system cannot say.
    pub async fn wait(&mut self) -> io::Result<Exit> {
        self.supervisor.wait().await.map(Exit::from_status)
    }

    /// The end of what it has written to standard error so far.
    pub fn said(&self) -> String {
        let said = self.said.lock().expect("no holder panics");
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    /// Kills it and all that it started, and waits until they are gone.
    pub async fn end(mut self) {
        self.let_go();
        if tokio::time::timeout(END_WITHIN, self.wait()).await.is_err() {
            tracing::error!("a child process does not end");
        }
    }

    /// Closes its standard input, on which well-behaved servers end; kills it if it does not.
    pub async fn end_within(mut self, grace: Duration) {
        self.stdin = None;
        if tokio::time::timeout(grace, self.wait()).await.is_err() {
            self.end().await;
        }
    }

    // The supervisor reads the end of what we say; what it and its tree say is heard to the end.
    fn let_go(&self) {
        let _ = self.leash.shutdown(Shutdown::Write);
    }

    // After its end: all that it said, for the last of it may still be on its way.
    async fn said_all(&mut self) -> String {
        let _ = tokio::time::timeout(END_WITHIN, &mut self.hearing).await;
        self.said()
    }

    async fn talk(&mut self, input: &[u8], most: usize) -> Result<(Exit, Vec<u8>), RunError> {
        let (stdin, stdout) = (self.stdin.take(), self.stdout.take());
        let give = async {
            if let Some(mut stdin) = stdin {
                // One that does not listen to the end says why in another way.
                let _ = stdin.write_all(input).await;
                let _ = stdin.shutdown().await;
            }
            Ok(())
        };
        let take = async {
            let mut output = Vec::new();
            if let Some(stdout) = stdout {
                let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
                let read = stdout.take(limit).read_to_end(&mut output).await;
                read.map_err(RunError::Start)?;
            }
            if output.len() > most {
                return Err(RunError::TooLong(most));
            }
            Ok(output)
        };
        let ((), output) = tokio::try_join!(give, take)?;
        let exit = self.wait().await.map_err(RunError::Start)?;
        Ok((exit, output))
    }
}

// Reads until the supervisor and its tree are gone.
async fn hear(mut leash: UnixStream, said: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = leash.read(&mut chunk).await {
        let mut said = said.lock().expect("no holder panics");
        said.extend_from_slice(&chunk[..read]);
        let excess = said.len().saturating_sub(TAIL);
        said.drain(..excess);
    }
}

/// This binary, also when its file was replaced by a newer one.
pub(super) fn this_binary() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| NAME.into())
}

// The supervisor has only the named environment, perhaps without a PATH to look in.
fn found(program: &Program) -> OsString {
    let has_path = program.environment.contains_key(std::ffi::OsStr::new("PATH"));
    if has_path || Path::new(&program.file).components().count() > 1 {
        return program.file.clone();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(&program.file));
    places
        .find(|place| place.is_file())
        .map_or_else(|| program.file.clone(), OsString::from)
}
