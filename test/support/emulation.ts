/** How the kernel runs programs for arm64 by QEMU: in a namespace of users, where nobody else is concerned. */

/** What is registered: the first bytes of such programs' files, of those the bits that matter, and QEMU. */
export const QEMU_ARM64 = String.raw`:arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:F`;

/** Shell code that registers `$qemu`. */
export const REGISTER = `
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' "$qemu" >/proc/sys/fs/binfmt_misc/register
`;
