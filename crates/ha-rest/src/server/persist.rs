//! `/ha/persist`: the state as an archive, and an archive as the state.

use std::io::{self, BufWriter, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use ha_rebind::{Export, ExportError, ImportError};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::app::Shared;
use crate::control::ControlError;
use crate::entities::{Entities, Query, Write};
use crate::error::ApiError;
use crate::gate::HOT_REQUIRED;
use crate::params::invalid;

/// Largest archive that is taken. More would not fit an entry of the journal, however well it is packed there.
const LARGEST_ARCHIVE: usize = 64 << 20;

/// How many archives are made at a time: each holds on to the state as it was.
const EXPORTS: usize = 4;

/// Bytes that are handed over at once, and how many such pieces wait for a slow client.
const PIECE: usize = 64 << 10;
const PIECES: usize = 4;

/// Who may read or write an archive now.
#[derive(Debug)]
pub(crate) struct Archives {
    exports: Arc<Semaphore>,
    imports: Arc<Semaphore>,
}

impl Default for Archives {
    fn default() -> Self {
        Self {
            exports: Arc::new(Semaphore::new(EXPORTS)),
            imports: Arc::new(Semaphore::new(1)),
        }
    }
}

/// `GET /ha/persist/export?origin=`: a zip file of the state after some prefix of the journal, on any node that has it.
///
/// `LOCAL` is what is in memory here, `REMOTE` holds whatever any node had acknowledged before, `AUTO` is the first on the master and the second
/// on all others.
pub(super) async fn export(
    State(shared): State<Shared>,
    Entities(host): Entities,
    Query(query): Query,
) -> Result<Response, ApiError> {
    let current = match query.optional("origin").unwrap_or("AUTO") {
        "AUTO" => shared.control.status().role != ha_core::Role::Master,
        "LOCAL" => false,
        "REMOTE" => true,
        other => return Err(invalid("origin", other, "use AUTO, LOCAL or REMOTE")),
    };
    let turn = Arc::clone(&shared.archives.exports).try_acquire_owned();
    let turn = turn.map_err(|_| {
        ApiError::unavailable(format!(
            "{EXPORTS} exports are under way: try again when one has ended"
        ))
    })?;
    let export = host.export(current).await?;
    let name = format!("attachment; filename = {}", export.file_name());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).expect("ids of nodes and digits"),
        ),
    ];
    Ok((headers, Body::new(Pieces::of(export, turn))).into_response())
}

/// `POST /ha/persist/import` with such a zip file: 200 with no body, when its state has taken the place of all that there was.
pub(super) async fn import(
    State(shared): State<Shared>,
    Entities(host): Entities,
    request: Request,
) -> Result<(), ApiError> {
    let turn = Arc::clone(&shared.archives.imports).try_acquire_owned();
    let turn = turn.map_err(|_| {
        ApiError::unavailable(
            "Another archive is being imported: nothing was changed, try again when that has ended",
        )
    })?;
    let write = Write::read(request, LARGEST_ARCHIVE).await?;
    // On a task of its own, so that nobody else begins before it has ended.
    let imported = tokio::spawn(async move {
        let _turn = turn;
        host.import(write.key(), write.body.clone()).await
    });
    match imported.await {
        Ok(imported) => imported.map_err(ApiError::from),
        Err(broken) => Err(ControlError::Internal(format!("The import broke off: {broken}")).into()),
    }
}

impl From<ExportError> for ApiError {
    fn from(why: ExportError) -> Self {
        match why {
            ExportError::NotHot => Self::new(StatusCode::FORBIDDEN, HOT_REQUIRED),
            ExportError::Read(why) => Self::unavailable(why.to_string()),
            why => Self::new(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
        }
    }
}

impl From<ImportError> for ApiError {
    fn from(why: ImportError) -> Self {
        match why {
            ImportError::Proposal(why) => why.into(),
            ImportError::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, why.to_string()),
            why => Self::bad_request(format!("Nothing was changed: {why}")),
        }
    }
}

/// An archive that is made while it is sent, at the pace of who takes it.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl Pieces {
    fn of(export: Export, turn: OwnedSemaphorePermit) -> Self {
        let (pieces, taken) = mpsc::channel(PIECES);
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut out = BufWriter::with_capacity(PIECE, Outlet(pieces.clone()));
            if let Err(broken) = export.write(&mut out).and_then(|()| out.flush()) {
                tracing::debug!("an export broke off: {broken}");
                // The connection is cut, so that nobody takes it for whole; or its client has gone.
                let _ = pieces.blocking_send(Err(broken));
            }
        });
        Self(taken)
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Where pieces are written to; ends when nobody takes them.
struct Outlet(mpsc::Sender<io::Result<Bytes>>);

impl io::Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone");
        self.0.blocking_send(piece).map(|()| bytes.len()).map_err(gone)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
