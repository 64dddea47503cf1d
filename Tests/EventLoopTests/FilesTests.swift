// Files, streams and the process.

import Bytes
import EventLoop
import Glibc
import Testing

/// One directory per test, removed with what the test has left in it.
final class FilesTests {
  let directory: String

  init() throws { directory = try Files.makeTemporaryDirectory(prefix: "files-") }

  deinit {
    for pattern in ["/*/*/*", "/*/*", "/*"] {
      for path in (try? Files.glob(directory + pattern)) ?? [] {
        if Files.status(path)?.kind == .directory {
          try? Files.removeDirectory(path)
        } else {
          try? Files.remove(path)
        }
      }
    }
    try? Files.removeDirectory(directory)
  }

  private func put(_ name: String, _ text: String) throws -> String {
    let path = directory + "/" + name
    try Files.replace(path, with: Array(text.utf8).span, mode: 0o600)
    return path
  }

  @Test(arguments: [0, 1, 4095, 4096, 4097, 100_000])
  func readsUpToTheLimitAndNotOneByteMore(_ count: Int) throws {
    let path = try put("x", String(repeating: "x", count: count))
    #expect(try Files.read(path, bytesMaximum: count).count == count)
    #expect(try Files.read(path, bytesMaximum: count + 1).count == count)
    guard count > 0 else { return }
    let error = #expect(throws: SystemError.self) {
      _ = try Files.read(path, bytesMaximum: count - 1)
    }
    #expect(error?.code == EFBIG)
  }

  @Test func readsFilesThatDoNotKnowTheirSize() throws {
    #expect(try !Files.read("/proc/self/status", bytesMaximum: 1 << 20).isEmpty)
  }

  @Test func readsOnlyFilesAndSaysWhatItOpened() throws {
    let path = try put("x", "text")
    let (status, bytes) = try Files.readFile(path, bytesMaximum: 4)
    #expect(status == Files.status(path) && bytes == Array("text".utf8))
    #expect(throws: SystemError.self) { _ = try Files.readFile(path, bytesMaximum: 3) }
    #expect(try Files.readFile(directory, bytesMaximum: 4).bytes == nil)
    // Nobody will ever write into it: opened as files are, this would not end.
    #expect(unsafe mkfifo(directory + "/pipe", 0o600) == 0)
    let pipe = try Files.readFile(directory + "/pipe", bytesMaximum: 4)
    #expect(pipe.status.kind == .other && pipe.bytes == nil)
  }

  @Test func namesWhatIsMissing() {
    let error = #expect(throws: SystemError.self) {
      _ = try Files.read(directory + "/absent", bytesMaximum: 10)
    }
    #expect(error?.isMissingFile == true)
    #expect(error?.description == "open: No such file or directory")
    let other = #expect(throws: SystemError.self) {
      _ = try Files.read(directory, bytesMaximum: 10)
    }
    #expect(other?.code == EISDIR)
  }

  @Test func replacesInOnePieceWithTheModeAsked() throws {
    let path = try put("secret", "old")
    try Files.replace(path, with: Array("new".utf8).span, mode: 0o640)
    #expect(try Files.read(path, bytesMaximum: 10) == Array("new".utf8))
    let status = try #require(Files.status(path))
    #expect(status.mode & 0o600 == 0o600)
    #expect(status.byteCount == 3)
    #expect(status.kind == .file)
    #expect(Files.status(path + ".new") == nil, "nothing is left beside it")
    let error = #expect(throws: SystemError.self) {
      try Files.replace(
        directory + "/no/such", with: Array("x".utf8).span, mode: 0o600)
    }
    #expect(error?.isMissingFile == true)
  }

  @Test func makesMissingDirectories() throws {
    let path = directory + "/a/b"
    try Files.makeDirectories(path, mode: 0o700)
    try Files.makeDirectories(path, mode: 0o700)
    #expect(Files.status(path)?.kind == .directory)
    #expect(Files.status(path)?.mode == 0o700)
    let file = try put("plain", "")
    let error = #expect(throws: SystemError.self) {
      try Files.makeDirectories(file + "/x", mode: 0o700)
    }
    #expect(error?.code == ENOTDIR)
    let exists = #expect(throws: SystemError.self) {
      try Files.makeDirectories(file, mode: 0o700)
    }
    #expect(exists?.code == EEXIST)
  }

  @Test func sortsWhatAPatternFindsByByte() throws {
    for name in ["b.conf", "a.conf", "Z.conf", "ä.conf", "10.conf", "9.conf", "x.txt"] {
      _ = try put(name, "")
    }
    let names = try Files.glob(directory + "/*.conf").map { $0.dropFirst(directory.count + 1) }
    #expect(names == ["10.conf", "9.conf", "Z.conf", "a.conf", "b.conf", "ä.conf"])
    #expect(try Files.glob(directory + "/*.none") == [])
  }

  @Test(arguments: [("a/b", "a"), ("/b", "/"), ("b", "."), ("/a/b/c", "/a/b")])
  func knowsTheDirectoryOfAPath(_ path: String, _ want: String) {
    #expect(Files.directory(of: path) == want)
  }

  @Test func removingWhatIsNotThereIsFine() throws {
    try Files.remove(directory + "/absent")
    try Files.removeDirectory(directory + "/absent")
  }

  @Test func appendsAndCutsATornTail() throws {
    let path = directory + "/journal"
    do {
      let file = try AppendFile(appendingTo: path, mode: 0o600)
      try file.write(Array("one\n".utf8))
      try file.syncData()
    }
    let file = try AppendFile(appendingTo: path, mode: 0o600)
    try file.write(Array("two".utf8).span)
    try file.sync()
    #expect(try Files.read(path, bytesMaximum: 100) == Array("one\ntwo".utf8))
    try file.truncate(toBytes: 4)
    try file.write(Array("three\n".utf8))
    #expect(try Files.read(path, bytesMaximum: 100) == Array("one\nthree\n".utf8))
    #expect(Files.status(path)?.mode == 0o600)
  }

  @Test func aFullDiskIsAnError() throws {
    let full = try AppendFile(appendingTo: "/dev/full", mode: 0o600)
    let error = #expect(throws: SystemError.self) { try full.write([1]) }
    #expect(error?.code == ENOSPC)
  }

  @Test func writesToAnInheritedDescriptorAndCloses() throws {
    let pair = try Socket.makePair()
    let reader = pair.first
    let ready = StandardStream.inherited(pair.second.detach())
    try ready.write("ready\n")
    ready.close()
    #expect(try receive(reader, count: 100) == "ready\n")
    #expect(!ready.isTerminal)
  }

  @Test func aNumberThatIsNoDescriptorIsTheOperatorsMistake() {
    let error = #expect(throws: SystemError.self) {
      try StandardStream.inherited(1_000_000).write("x")
    }
    #expect(error?.code == EBADF)
  }

  @Test func knowsTheProcess() {
    #expect(System.environment("PATH")?.isEmpty == false)
    #expect(System.environment("SURELY_NOT_SET_BY_ANYBODY") == nil)
    #expect(System.processIdentifier > 0)
    #expect(System.raiseDescriptorLimit() >= 256)
    #expect(Processors.count >= 1)
  }

  @Test func exitsWithTheCodeAsked() async {
    await #expect(processExitsWith: .exitCode(7)) { System.exit(7) }
  }

  @Test func aTextGoesToStandardErrorWhole() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        try StandardStream.error.write(String(repeating: "line\n", count: 30_000))
      })
    #expect(result.standardErrorContent.count { $0 == UInt8(ascii: "\n") } >= 30_000)
  }
}

@Suite struct FileStampTests {
  /// Every way of putting other bytes behind a path shows.
  @Test func tellsOneContentFromAnother() throws {
    let folder = try Files.makeTemporaryDirectory(prefix: "stamps-")
    let path = folder + "/file"
    defer {
      try? Files.remove(path)
      try? Files.removeDirectory(folder)
    }
    #expect(Files.stamp(path) == nil)
    try Files.replace(path, with: [1, 2, 3].span, mode: 0o600)
    let first = Files.stamp(path)
    #expect(first != nil && Files.stamp(path) == first)
    // The same bytes, another file.
    try Files.replace(path, with: [1, 2, 3].span, mode: 0o600)
    let second = Files.stamp(path)
    #expect(second != first)
    let file = try AppendFile(appendingTo: path, mode: 0o600)
    try file.write([4].span)
    #expect(Files.stamp(path) != second)
    #expect(Files.status(path)?.owner == System.userIdentifier)
    #expect(try #require(second).changedNanoseconds > 0)
  }
}
