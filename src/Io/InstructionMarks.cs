using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Two marks in the stream of instructions that this process executes, which whoever emulates the CPU can see: the long NOP (Intel SDM, "NOP") with a
/// displacement of our own, <c>0x4857</c> in its upper half, then a bit that is set at the end, then fifteen bits of a number. It does nothing and no compiler
/// makes it, so that neither the kernel nor anything else in a guest is asked for help, and running a mark costs the same few instructions whether or not
/// somebody looks. For x86-64. Not safe for several threads; the marks concern all that the CPU runs between them, not this thread alone.
/// </summary>
public sealed unsafe class InstructionMarks : IDisposable
{
    /// <summary>The largest number that a mark has room for.</summary>
    public const int MaxNumber = 0x7FFF;

    private const uint Ours = 0x4857_0000;
    private const uint EndBit = 0x8000;
    private const nuint PageBytes = 4096;
    private const int PlainAt = 32;
    private const byte Return = 0xC3;

    private static readonly byte[] s_longNop = [0x0F, 0x1F, 0x84, 0x00];

    private readonly nint _begin;
    private readonly nint _end;
    private nint _code;
    private bool _isArmed;

    /// <summary>Puts the marks into a page of executable memory.</summary>
    /// <param name="number">Tells these marks from others, 0 to <see cref="MaxNumber"/>.</param>
    /// <exception cref="PlatformNotSupportedException">The CPU is not an x86-64.</exception>
    /// <exception cref="IoException">The kernel gives no memory that may be executed.</exception>
    public InstructionMarks(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(number, MaxNumber);
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException("marks are instructions of x86-64");
        }

        _code = Mman.MapAnonymous(PageBytes);
        _begin = Put(0, Ours | (uint)number);
        _end = Put(16, Ours | EndBit | (uint)number);
        *(byte*)(_code + PlainAt) = Return;
        if (Mman.mprotect(_code, PageBytes, Mman.PROT_READ | Mman.PROT_EXEC) < 0)
        {
            int errno = Marshal.GetLastSystemError();
            Dispose();
            throw new IoException("cannot make memory executable", errno);
        }

        // Whatever the runtime does at a first call is done now, with code that is no mark.
        Begin();
        End();
        _isArmed = true;
    }

    /// <summary>Runs the mark that begins.</summary>
    /// <exception cref="ObjectDisposedException">The marks are gone.</exception>
    public void Begin() => Run(_isArmed ? _begin : _code + PlainAt);

    /// <summary>Runs the mark that ends.</summary>
    /// <exception cref="ObjectDisposedException">The marks are gone.</exception>
    public void End() => Run(_isArmed ? _end : _code + PlainAt);

    /// <summary>Gives the page back.</summary>
    public void Dispose()
    {
        if (_code != 0)
        {
            _ = Mman.munmap(_code, PageBytes);
            _code = 0;
        }
    }

    private nint Put(int at, uint displacement)
    {
        var code = new Span<byte>((void*)(_code + at), s_longNop.Length + sizeof(uint) + 1);
        s_longNop.CopyTo(code);
        BitConverter.TryWriteBytes(code[s_longNop.Length..], displacement);
        code[^1] = Return;
        return _code + at;
    }

    private void Run(nint code)
    {
        ObjectDisposedException.ThrowIf(_code == 0, this);
        ((delegate* unmanaged<void>)code)();
    }
}
