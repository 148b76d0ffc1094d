//! The socket.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::error::CloudError;

#[derive(Debug)]
pub(crate) struct Listeners {
    main: TcpListener,
    address: SocketAddr,
}

pub(crate) fn listen(address: SocketAddr) -> Result<Listeners, CloudError> {
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((TcpListener::from_std(listener)?, address))
    };
    let (main, address) = bind().map_err(|source| CloudError::Bind { address, source })?;
    Ok(Listeners { main, address })
}

impl Listeners {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn accept(&self) -> std::io::Result<(tokio::net::TcpStream, SocketAddr)> {
        self.main.accept().await
    }
}
