// Why a gateway whose configuration is right can't start on this machine.

import EventLoop
import Proxy

/// A reason not to start, told to the operator with the setting it concerns; holds no secret.
public enum BootFault: Error, Sendable, CustomStringConvertible {
  /// A `listen` or `admin` address can't be bound.
  case listen(setting: String, address: String, SystemError)
  /// An upstream's or listener's name doesn't resolve.
  case resolve(setting: String, ResolverError)
  /// The access log can't be opened.
  case accessLog(path: String, SystemError)
  /// The blocklist's journal can't be used.
  case journal(JournalFault)
  /// A file of `blocklist { import }` can't be read.
  case importFile(path: String, reason: String)
  /// The blocklist's table can't take all entries of journal and imports.
  case blocklistFull(count: Int)
  /// The system refuses threads, descriptors or memory.
  case system(SystemError)

  /// For people: what, where, and what to do.
  public var description: String {
    switch self {
    case .listen(let setting, let address, let error):
      error.isAddressInUse
        ? "\(setting) \(address): the address is in use by another process; stop it or choose "
          + "another port"
        : "\(setting) \(address): \(error.reason)"
    case .resolve(let setting, let error):
      "\(setting): the name \(error.name) can't be resolved: \(error.reason)"
    case .accessLog(let path, let error):
      "access_log \(path): \(error.reason)"
    case .journal(let fault):
      "blocklist journal: \(fault)"
    case .importFile(let path, let reason):
      "blocklist import \(path): \(reason)"
    case .blocklistFull(let count):
      "the blocklist holds \(count) entries and takes no more; shorten the imported files"
    case .system(let error):
      "\(error)"
    }
  }
}
