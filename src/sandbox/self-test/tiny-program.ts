/**
 * Programs of a few instructions, without a compiler: what a runtime has no way to ask of the kernel, a file of 150
 * bytes does. Layout: elf(5), Elf64_Ehdr and Elf64_Phdr.
 */

const HEADER_BYTES = 64 + 56;
const BASE = 0x40_0000n;
const MACHINES: Partial<Record<string, number>> = { x64: 62, arm64: 183 };

/**
 * Makes name_to_handle_at(0, NULL, NULL, NULL, 0) and ends with its error. The kernel itself says EFAULT (14) to
 * anybody, and so do the filters that containers commonly have: EPERM (1) comes from ours alone.
 */
const FILTERED_CALL: Partial<Record<string, string>> = {
  // mov eax, 303; xor edi, edi; xor esi, esi; xor edx, edx; xor r10, r10; xor r8, r8; syscall
  // neg eax; mov edi, eax; mov eax, 231 (exit_group); syscall
  x64: 'b82f010000 31ff 31f6 31d2 4d31d2 4d31c0 0f05 f7d8 89c7 b8e7000000 0f05',
  // mov x8, 264; mov x0..x4, 0; svc 0; neg x0, x0; mov x8, 94 (exit_group); svc 0
  arm64:
    '082180d2 000080d2 010080d2 020080d2 030080d2 040080d2 010000d4 e00300cb c80b80d2 010000d4',
};

/** How it ends under our filter: EPERM. */
export const FILTERED_STATUS = 1;

/** Null where we know no machine code. */
export function filteredCallProgram(architecture: string): Buffer | null {
  const code = FILTERED_CALL[architecture];
  return code === undefined ? null : tinyProgram(architecture, code);
}

/** An executable file of these instructions, in hexadecimal. */
export function tinyProgram(architecture: string, code: string): Buffer {
  const instructions = Buffer.from(code.replaceAll(' ', ''), 'hex');
  const header = Buffer.alloc(HEADER_BYTES);
  // 64 bits, little-endian, version 1
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(2, 16); // e_type: executable
  header.writeUInt16LE(MACHINES[architecture] ?? 0, 18);
  header.writeUInt32LE(1, 20); // e_version
  header.writeBigUInt64LE(BASE + BigInt(HEADER_BYTES), 24); // e_entry
  header.writeBigUInt64LE(64n, 32); // e_phoff
  header.writeUInt16LE(64, 52); // e_ehsize
  header.writeUInt16LE(56, 54); // e_phentsize
  header.writeUInt16LE(1, 56); // e_phnum
  const segment = header.subarray(64);
  segment.writeUInt32LE(1, 0); // p_type: load
  segment.writeUInt32LE(5, 4); // p_flags: read, execute
  segment.writeBigUInt64LE(BASE, 16); // p_vaddr
  segment.writeBigUInt64LE(BASE, 24); // p_paddr
  const bytes = BigInt(HEADER_BYTES + instructions.length);
  segment.writeBigUInt64LE(bytes, 32); // p_filesz
  segment.writeBigUInt64LE(bytes, 40); // p_memsz
  segment.writeBigUInt64LE(0x1000n, 48); // p_align
  return Buffer.concat([header, instructions]);
}
