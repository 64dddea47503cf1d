// Where libFuzzer comes in: one program for all targets, told which one by `--target=NAME`.
//
// libFuzzer ignores words with two dashes, so the choice travels beside its own flags. One thread;
// an input is a failure when anything traps, or when `check` finds a promise broken.

/// Takes the bytes of one input; every target has this form.
typealias Target = @Sendable (Span<UInt8>) -> Void

private let targets: [String: Target] = [
  "request": fuzzRequestHead,
  "chunked": fuzzChunkedBody,
  "response": fuzzResponseHead,
  "token": fuzzToken,
  "path": fuzzPath,
  "policy": fuzzPolicy,
  "config": fuzzConfiguration,
  "resp": fuzzReply,
  "proxy": fuzzProxyHeader,
  "frames": fuzzServerFrames,
  "addresses": fuzzAddressList,
  "freshness": fuzzFreshness,
]

private let chosen: Target = {
  let option = "--target="
  let name = CommandLine.arguments.last { $0.hasPrefix(option) }?.dropFirst(option.count) ?? ""
  guard let target = targets[String(name)] else {
    fatalError("say --target= and one of \(targets.keys.sorted().joined(separator: ", "))")
  }
  return target
}()

/// Called by libFuzzer for every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // libFuzzer's own copy of exactly `count` bytes, so that AddressSanitizer sees one read too far.
  let buffer = unsafe UnsafeBufferPointer(start: start, count: count)
  chosen(unsafe Span(_unsafeElements: buffer))
  return 0
}

/// Ends the run when a promise is broken; libFuzzer then keeps the input.
func check(_ holds: Bool, _ promise: @autoclosure () -> String) {
  if !holds { fatalError(promise()) }
}
