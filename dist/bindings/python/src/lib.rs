//! A database for Python. What boto3 sees of it is Python, in `hashrange_embedded/__init__.py`.

use hashrange_shell::{Embedded, Failure, Settings};
use pyo3::{create_exception, exceptions::PyException, prelude::*, types::PyBytes};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

create_exception!(
    _native,
    DatabaseError,
    PyException,
    "A database cannot do what was asked; `code` says why in one word."
);

/// A failure as an exception with its code.
fn raised(py: Python<'_>, failure: &Failure) -> PyErr {
    let error = DatabaseError::new_err(failure.to_string());
    match error.value(py).setattr("code", failure.code()) {
        Ok(()) => error,
        Err(worse) => worse,
    }
}

/// A database of this process: in memory, or in a folder. It is closed by `close`, by the end of a `with`, or when nothing
/// refers to it any more.
#[pyclass(module = "hashrange_embedded", frozen)]
struct Database {
    embedded: Embedded,
}

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (folder = None, *, durability = None, clock = None))]
    fn open(
        py: Python<'_>,
        folder: Option<PathBuf>,
        durability: Option<String>,
        clock: Option<SystemTime>,
    ) -> PyResult<Self> {
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let clock_millis = clock.map(|time| u64::try_from(since(time)).unwrap_or(u64::MAX));
        let opened = py.detach(|| Embedded::open(Settings { folder, durability, clock_millis }));
        Ok(Self { embedded: opened.map_err(|failure| raised(py, &failure))? })
    }

    /// Answers a request: `target` is the header X-Amz-Target. The answer is status, body and its CRC-32, or None if a model
    /// of faults loses it. Other threads run meanwhile.
    fn handle<'py>(
        &self,
        py: Python<'py>,
        target: &str,
        body: &[u8],
    ) -> PyResult<Option<(u16, Bound<'py, PyBytes>, u32)>> {
        let answer = py.detach(|| self.embedded.handle(target, body)).map_err(|failure| raised(py, &failure))?;
        Ok(answer.map(|answer| (answer.status, PyBytes::new(py, &answer.body), answer.crc32)))
    }

    /// A copy in memory that lives apart from this database, with a clock of its own: cheap, also of a large one.
    fn fork(&self, py: Python<'_>) -> PyResult<Self> {
        let copy = py.detach(|| self.embedded.fork()).map_err(|failure| raised(py, &failure))?;
        Ok(Self { embedded: copy })
    }

    /// Moves the clock forward; only if the database was opened with one.
    fn advance(&self, py: Python<'_>, by: Duration) -> PyResult<()> {
        self.embedded.advance(by).map_err(|failure| raised(py, &failure))
    }

    /// Deletes the items whose time to live has passed, as background work does sooner or later; says how many this call deleted.
    fn sweep_now(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.embedded.sweep_now()).map_err(|failure| raised(py, &failure))
    }

    /// Closes the database once requests that are under way have ended. A call beside another one waits for that; closing again
    /// does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.embedded.close()).map_err(|failure| raised(py, &failure))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close(py)
    }
}

impl Drop for Database {
    /// Closes it, which can wait for a disk: other threads run meanwhile. What fails has no caller; Python reports it as it does
    /// what a `__del__` raises.
    fn drop(&mut self) {
        let attached = Python::try_attach(|py| match py.detach(|| self.embedded.close()) {
            Ok(()) | Err(Failure::Forked) => {}
            Err(failure) => raised(py, &failure).write_unraisable(py, None),
        });
        if attached.is_none() {
            // The interpreter ends. No thread of it runs any more, and none can be told of a failure.
            drop(self.embedded.close());
        }
    }
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DatabaseError", module.py().get_type::<DatabaseError>())?;
    module.add_class::<Database>()
}
