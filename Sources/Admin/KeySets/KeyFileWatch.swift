// Looks whether key files have changed, on a Dispatch queue: the loop asks about once a second and is
// told what is new.
//
// By looking, because every way of replacing a file shows there: written in place, renamed over
// (editors), a link turned (Kubernetes turns the link of the whole folder). A watch on the path would
// miss the last two. A file that changed a moment ago is read once more at the next look, since a clock
// that ticks every few milliseconds can't tell two changes within one tick apart.
//
// What a file means is not judged here. Any thread; the work is done on its queue.

import Bytes
import Dispatch
import EventLoop
import Synchronization
import Tokens

/// What became of one file.
struct KeyFileNews: Sendable {
  enum Content: Sendable {
    case bytes([UInt8])
    /// It can't be read, for a reason in words.
    case failed(String)
  }

  /// Which of the files.
  let index: Int
  let content: Content
}

/// The files that are watched.
final class KeyFileWatch: Sendable {
  /// A file that has changed within so much time is read again.
  private static let settlingNanoseconds: Int64 = 2_000_000_000

  private struct File {
    let path: String
    /// Of the last look; nil before the first and while there is nothing.
    var stamp: FileStamp?
    /// True while its clock can't rule out a change that its stamp doesn't show.
    var isSettling = true
    /// Of what was told last.
    var digest: [UInt8]
    /// Why it could not be read at the last look.
    var failure: String?
  }

  private let queue = DispatchQueue(label: "gateway.key-files", qos: .utility)
  private let files: Mutex<[File]>

  /// Watches files of which something was read already, by digest.
  init(_ known: [(path: String, digest: [UInt8])]) {
    files = Mutex(known.map { File(path: $0.path, digest: $0.digest) })
  }

  /// Looks at all files and calls `tell` on the queue, also when there is no news.
  func look(_ tell: @escaping @Sendable ([KeyFileNews]) -> Void) {
    queue.async { tell(self.news()) }
  }

  private func news() -> [KeyFileNews] {
    files.withLock { files in
      files.indices.compactMap { index in
        Self.look(&files[index]).map { KeyFileNews(index: index, content: $0) }
      }
    }
  }

  /// What is new of a file; nil for nothing.
  private static func look(_ file: inout File) -> KeyFileNews.Content? {
    // Before reading: what changes later shows at the next look.
    guard let stamp = Files.stamp(file.path) else {
      file.stamp = nil
      return fail(&file, "it is not there")
    }
    if stamp == file.stamp, !file.isSettling { return nil }
    file.stamp = stamp
    let age = Clock.realtimeMilliseconds() * 1_000_000 - stamp.changedNanoseconds
    file.isSettling = abs(age) < settlingNanoseconds
    do throws(SystemError) {
      guard
        let bytes = try Files.readFile(file.path, bytesMaximum: KeyFile.bytesMaximum).bytes
      else { return fail(&file, "it is not a file") }
      let digest = KeyDigest.of(bytes)
      guard digest != file.digest || file.failure != nil else { return nil }
      file.digest = digest
      file.failure = nil
      return .bytes(bytes)
    } catch {
      return fail(&file, error.isTooLarge ? "it is too large" : error.reason)
    }
  }

  private static func fail(_ file: inout File, _ reason: String) -> KeyFileNews.Content? {
    guard file.failure != reason else { return nil }
    file.failure = reason
    return .failed(reason)
  }
}
