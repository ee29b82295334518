// SPDX-License-Identifier: Apache-2.0

import CKernels
import Testing

@Suite("Choice of kernels")
struct DispatchTests {
    @Test("a table for every instruction set up to the detected one, none above")
    func tables() {
        let detected = rt_isa_detect()
        let names = ["scalar", "avx2", "avx512", "avx512_bf16"]
        for (value, name) in names.enumerated() {
            let isa = rt_isa(rawValue: UInt32(value))
            let table = rt_kernels_for(isa)
            #expect((table != nil) == (isa.rawValue <= detected.rawValue))
            guard let table else { continue }
            #expect(table.pointee.isa == isa)
            #expect(String(cString: table.pointee.name) == name)
        }
        #expect(rt_kernels_for(rt_isa(rawValue: 99)) == nil)
    }

    @Test("kernels on AMX's tiles are never the detected ones")
    func tilesOnRequest() {
        #expect(rt_isa_detect().rawValue < RT_ISA_AMX_BF16.rawValue)
        guard let table = rt_kernels_for(RT_ISA_AMX_BF16) else { return }
        #expect(rt_isa_detect() == RT_ISA_AVX512_BF16)
        #expect(String(cString: table.pointee.name) == "amx_bf16")
    }

    @Test("products of bytes have tables of their own, the scalar one everywhere")
    func tablesOfBytes() {
        let names = ["scalar", "avx2_vnni", "avx512_vnni"]
        for (value, name) in names.enumerated() {
            let isa = rt_int8_isa(rawValue: UInt32(value))
            guard let table = rt_int8_kernels_for(isa) else {
                #expect(isa != RT_INT8_ISA_SCALAR)
                continue
            }
            #expect(table.pointee.isa == isa)
            #expect(String(cString: table.pointee.name) == name)
        }
        #expect(rt_int8_kernels_for(rt_int8_isa(rawValue: 99)) == nil)
    }
}
