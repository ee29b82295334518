// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a node tells others about itself.
package enum SystemInfo {
    /// This machine's name on its network.
    package static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Physical memory in bytes.
    package static var memoryByteCount: UInt64 {
        UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES))))
            * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
    }

    /// The directory of the running executable.
    package static var executableDirectory: String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0 else { return "." }
        let path = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    /// Whether the current directory's path is UTF-8; relative paths can't be made absolute
    /// otherwise.
    package static var currentDirectoryIsText: Bool {
        guard let path = getcwd(nil, 0) else { return false }
        defer { free(path) }
        return String(validatingCString: path) != nil
    }

    /// Largest resident size of this process so far, in bytes.
    package static var peakResidentByteCount: Int {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return usage.ru_maxrss * 1024
    }
}
