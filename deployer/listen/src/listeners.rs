//! The sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::error::ListenError;
use crate::holder::holder_of;

/// Connections that may wait to be accepted; the kernel caps it.
const BACKLOG: u32 = 4096;

/// How often a pair of equal free ports is looked for when any port will do.
const ATTEMPTS: usize = 16;

/// One or two listening sockets with the same port.
#[derive(Debug)]
pub struct Listeners {
    main: TcpListener,
    /// `[::1]`, next to 127.0.0.1 or 0.0.0.0: browsers try both for `localhost`.
    other: Option<TcpListener>,
    address: SocketAddr,
}

impl Listeners {
    /// Port 0 takes a free one. `command` is what the user runs with `--port`.
    pub fn bind(host: IpAddr, port: u16, command: &'static str) -> Result<Self, ListenError> {
        let mut attempt = 1;
        loop {
            match Self::try_bind(host, port, command) {
                // Port 0 gave a port that is free on the first address only.
                Err(ListenError::PortTaken { .. }) if port == 0 && attempt < ATTEMPTS => {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn try_bind(host: IpAddr, port: u16, command: &'static str) -> Result<Self, ListenError> {
        let wanted = SocketAddr::new(host, port);
        let main = listen(wanted).map_err(|source| explain(wanted, source, command))?;
        let address = main.local_addr().map_err(|source| ListenError::Bind {
            address: wanted,
            source,
        })?;
        let other = if [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED]
            .map(IpAddr::V4)
            .contains(&host)
        {
            let twin = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), address.port());
            match listen(twin) {
                Ok(listener) => Some(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(explain(twin, error, command));
                }
                // A machine without IPv6.
                Err(_) => None,
            }
        } else {
            None
        };
        Ok(Self {
            main,
            other,
            address,
        })
    }

    /// The one that was asked for, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, on either socket.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match &self.other {
            None => self.main.accept().await,
            Some(other) => {
                tokio::select! {
                    accepted = self.main.accept() => accepted,
                    accepted = other.accept() => accepted,
                }
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections of the session before, still in TIME_WAIT, must not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn explain(address: SocketAddr, source: io::Error, command: &'static str) -> ListenError {
    match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::PortTaken {
            port: address.port(),
            holder: holder_of(address.port()),
            suggestion: free_port_after(address),
            command,
        },
        io::ErrorKind::PermissionDenied => ListenError::Denied {
            address,
            suggestion: free_port_after(SocketAddr::new(address.ip(), 1337)),
            command,
        },
        _ => ListenError::Bind { address, source },
    }
}

fn free_port_after(address: SocketAddr) -> u16 {
    let next = address.port().saturating_add(1).max(1024);
    (next..=u16::MAX)
        .take(100)
        .find(|port| {
            std::net::TcpListener::bind((address.ip(), *port)).is_ok()
                && std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
        })
        .unwrap_or(next)
}
