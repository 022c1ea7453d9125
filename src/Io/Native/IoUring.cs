using System.Runtime.InteropServices;

namespace Harness.Io.Native;

/// <summary>
/// The three system calls of io_uring, called as libc's <c>syscall(2)</c> because glibc has no wrappers for them:
/// <c>io_uring_setup(2)</c>, <c>io_uring_enter(2)</c>, <c>io_uring_register(2)</c>. Each returns the kernel's result, or minus errno.
/// </summary>
internal static unsafe partial class IoUring
{
    // One number on every architecture: io_uring came after the tables were unified.
    public const int __NR_io_uring_setup = 425;
    public const int __NR_io_uring_enter = 426;
    public const int __NR_io_uring_register = 427;

    /// <summary>Creates a ring; the descriptor (close-on-exec), or minus errno.</summary>
    public static int Setup(uint entries, ref io_uring_params parameters)
    {
        fixed (io_uring_params* p = &parameters)
        {
            nint result = syscall_setup(__NR_io_uring_setup, entries, p);
            return result < 0 ? -Marshal.GetLastSystemError() : (int)result;
        }
    }

    /// <summary>Submits and waits; the number of entries submitted, or minus errno.</summary>
    public static int Enter(int fd, uint toSubmit, uint minComplete, EnterFlags flags, void* arg, nuint argSize)
    {
        nint result = syscall_enter(__NR_io_uring_enter, fd, toSubmit, minComplete, (nuint)flags, arg, argSize);
        // Read at once: with no marshalling stub in between, nothing else has run on this thread since the call.
        return result < 0 ? -Marshal.GetLastSystemError() : (int)result;
    }

    /// <summary>Registers resources with a ring; what the opcode returns, or minus errno.</summary>
    public static int Register(int fd, uint opcode, void* arg, uint argCount)
    {
        nint result = syscall_register(__NR_io_uring_register, fd, opcode, arg, argCount);
        return result < 0 ? -Marshal.GetLastSystemError() : (int)result;
    }

    // syscall() is variadic in C. Its integer arguments travel as those of any other function on x86-64 and arm64, each widened to a register.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint syscall_setup(nint number, nuint entries, io_uring_params* parameters);

    // A waiting enter lasts as long as it likes, so the garbage collector must be free to run meanwhile: never SuppressGCTransition here.
    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint syscall_enter(nint number, nint fd, nuint toSubmit, nuint minComplete, nuint flags, void* arg, nuint argSize);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint syscall_register(nint number, nint fd, nuint opcode, void* arg, nuint argCount);
}
