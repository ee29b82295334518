// SPDX-License-Identifier: Apache-2.0

#if LIBFUZZER
    import Glibc
    import WireFuzzing

    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
        _ target: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    /// Called by libFuzzer with every input.
    @_cdecl("LLVMFuzzerTestOneInput")
    func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        do {
            try GuidedInput.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
        } catch {
            fatalError("\(error)")
        }
        return 0
    }

    /// The program under `swift build -Xswiftc -sanitize=fuzzer -Xswiftc -DLIBFUZZER`; its
    /// arguments are libFuzzer's.
    @main enum GuidedFuzzing {
        static func main() {
            var count = CommandLine.argc
            var arguments = CommandLine.unsafeArgv
            exit(runDriver(&count, &arguments, testOneInput))
        }
    }
#endif
