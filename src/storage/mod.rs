//! The bytes of files, in a local directory or whatever `object_store` can reach. It knows ids
//! and bytes; names, types and access are `domain::files`'.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// How much of a file's beginning is kept for sniffing its type.
const HEAD: usize = 8 * 1024;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not an address that this binary knows.
    #[error("AGENTIC_FILES_URL is `{0}`; use file:///ABSOLUTE/PATH")]
    Address(String),
    /// The directory cannot be made or used.
    #[error("the directory {path} cannot be used for files")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store refused.
    #[error("the file store cannot be opened")]
    Store(#[source] object_store::Error),
}

/// Bytes could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the file store failed on {id}")]
    Store {
        /// The blob.
        id: Uuid,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// What was to be stored could not be read.
    #[error("the upload could not be read")]
    Read(#[source] std::io::Error),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub size_bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
    /// The first 8 KiB.
    pub head: Vec<u8>,
}

/// What is made here is for this process's user alone, whatever the rights of the folder that it is made in.
const FOR_US_ALONE: u32 = 0o700;

/// A store of blobs. Clones share it.
#[derive(Clone, Debug)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    folder: Arc<Path>,
}

impl Storage {
    /// Opens the store at a `file://` address; the directory is made when it is missing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(url: &str) -> Result<Self, OpenError> {
        let Some(path) = url.strip_prefix("file://") else {
            return Err(OpenError::Address(url.to_owned()));
        };
        let failed = |source| OpenError::Directory {
            path: path.to_owned(),
            source,
        };
        let mut folders = std::fs::DirBuilder::new();
        let made = folders.recursive(true).mode(FOR_US_ALONE).create(path);
        made.map_err(failed)?;
        // Found out now, and not by the first upload.
        let probe = Path::new(path).join(format!(".probe-{}", std::process::id()));
        std::fs::write(&probe, b"").map_err(failed)?;
        // Another process of this number, on another machine, may have been quicker.
        let _ = std::fs::remove_file(&probe);
        // Accepted means durable, also when the power goes: the rows that name a file are.
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(OpenError::Store)?
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            folder: Path::new(path).into(),
        })
    }

    /// Puts a mark there, by which [`has_mark`](Self::has_mark) knows this store.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_mark(&self, mark: Uuid) -> Result<(), Error> {
        let put = self.store.put(&mark_key(mark), Bytes::new().into()).await;
        put.map(drop).map_err(|source| Error::Store { id: mark, source })
    }

    /// Whether this is the store that the mark was put into.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn has_mark(&self, mark: Uuid) -> Result<bool, Error> {
        match self.store.head(&mark_key(mark)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(Error::Store { id: mark, source }),
        }
    }

    /// Streams bytes in. A failure leaves nothing that [`delete`](Self::delete) does not remove.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn write(&self, id: Uuid, mut from: impl AsyncRead + Unpin + Send) -> Result<Written, Error> {
        let failed = |source| Error::Store { id, source };
        self.make_folder(id).await.map_err(failed)?;
        let upload = self.store.put_multipart(&key(id)).await.map_err(failed)?;
        let mut writer = WriteMultipart::new(upload);
        let mut hash = Sha256::new();
        let mut head = Vec::new();
        let mut size_bytes = 0_u64;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match from.read(&mut chunk).await {
                Ok(read) => read,
                Err(error) => {
                    // The upload failed anyway; what cannot be aborted is swept with its row.
                    let _ = writer.abort().await;
                    return Err(Error::Read(error));
                }
            };
            if read == 0 {
                break;
            }
            let bytes = &chunk[..read];
            hash.update(bytes);
            head.extend_from_slice(&bytes[..bytes.len().min(HEAD.saturating_sub(head.len()))]);
            size_bytes += bytes.len() as u64;
            // A slow disk holds the upload back instead of filling the memory.
            writer.wait_for_capacity(2).await.map_err(failed)?;
            writer.write(bytes);
        }
        writer.finish().await.map_err(failed)?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Written {
            size_bytes,
            sha256,
            head,
        })
    }

    /// The store would make it as well, for everyone to read.
    async fn make_folder(&self, id: Uuid) -> object_store::Result<()> {
        let [folder, _] = place(id);
        let mut folders = tokio::fs::DirBuilder::new();
        folders.recursive(true).mode(FOR_US_ALONE);
        let made = folders.create(self.folder.join(folder)).await;
        made.map_err(|error| object_store::Error::Generic {
            store: "files",
            source: Box::new(error),
        })
    }

    /// Streams bytes out: all of them, or those of a range, end excluded.
    ///
    /// # Errors
    /// [`Error`], also when there is no such blob.
    pub async fn read(
        &self,
        id: Uuid,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let failed = move |source| Error::Store { id, source };
        let got = self.store.get_opts(&key(id), options).await.map_err(failed)?;
        Ok(got.into_stream().map(move |chunk| chunk.map_err(failed)).boxed())
    }

    /// Reads a whole blob of at most `limit` bytes; none when it is longer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn read_all(&self, id: Uuid, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut stream = self.read(id, None).await?;
        let mut all = Vec::new();
        while let Some(chunk) = stream.next().await {
            all.extend_from_slice(&chunk?);
            if all.len() as u64 > limit {
                return Ok(None);
            }
        }
        Ok(Some(all))
    }

    /// Removes bytes; those that are not there are removed already.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete(&self, id: Uuid) -> Result<(), Error> {
        match self.store.delete(&key(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(Error::Store { id, source }),
        }
    }
}

/// The name of the empty file that is a mark.
pub fn mark_name(mark: Uuid) -> String {
    format!(".database-{}", mark.simple())
}

fn mark_key(mark: Uuid) -> Key {
    Key::from(mark_name(mark))
}

fn key(id: Uuid) -> Key {
    Key::from_iter(place(id))
}

/// Folder and name. The first digits of a UUIDv7 are time; the last are random and spread over folders.
fn place(id: Uuid) -> [String; 2] {
    let digits = id.simple().to_string();
    [digits[30..].to_owned(), digits]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_back_whole_and_in_ranges_and_go_when_deleted() {
        let directory = tempfile::tempdir().expect("a directory");
        let storage = Storage::open(&format!("file://{}", directory.path().display())).expect("opens");
        let id = Uuid::from_u128(5);
        let bytes: Vec<u8> = (0..200_000_u32)
            .map(|n| u8::try_from(n % 251).expect("small"))
            .collect();
        let written = storage.write(id, bytes.as_slice()).await.expect("writes");
        assert_eq!(written.size_bytes, 200_000);
        assert_eq!(written.head.len(), HEAD);
        assert_eq!(
            storage.read_all(id, 200_000).await.expect("reads"),
            Some(bytes.clone())
        );
        assert_eq!(storage.read_all(id, 199_999).await.expect("reads"), None);
        let mut range = storage.read(id, Some(10..13)).await.expect("reads");
        assert_eq!(
            range.next().await.expect("a chunk").expect("bytes").as_ref(),
            &bytes[10..13]
        );
        storage.delete(id).await.expect("deletes");
        storage.delete(id).await.expect("deletes what is gone");
        assert!(storage.read(id, None).await.is_err());
    }

    #[test]
    fn what_is_written_is_on_the_disk_before_it_is_said_to_be() {
        let directory = tempfile::tempdir().expect("a directory");
        let storage = Storage::open(&format!("file://{}", directory.path().display())).expect("opens");
        // No test cuts the power: this is what is asked of the library that would be seen then.
        assert!(format!("{storage:?}").contains("fsync: true"), "{storage:?}");
    }

    #[tokio::test]
    async fn whoever_else_has_an_account_reads_no_file_of_it() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().expect("a directory");
        let shared = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), shared).expect("changes");
        for folder in ["here", "."] {
            let folder = directory.path().join(folder);
            let storage = Storage::open(&format!("file://{}", folder.display())).expect("opens");
            let id = Uuid::from_u128(7);
            storage.write(id, b"secret".as_slice()).await.expect("writes");
            let kept = std::fs::metadata(folder.join("07")).expect("is there");
            assert_eq!(kept.permissions().mode() & 0o777, 0o700);
        }
        let made = std::fs::metadata(directory.path().join("here")).expect("is there");
        assert_eq!(made.permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn an_address_that_is_no_directory_is_refused() {
        assert!(matches!(Storage::open("s3://bucket"), Err(OpenError::Address(_))));
    }
}
