using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// A list of byte runs that one sendmsg(2) takes from where they lie, at most 1024 (IOV_MAX). It holds its iovec array and msghdr outside the managed heap,
/// so that they stay put until the send's completion; then <see cref="Advance"/> drops what was sent. Not thread-safe: it belongs to one connection.
/// </summary>
public sealed unsafe class SendVector : IDisposable
{
    /// <summary>IOV_MAX: the most runs that one call takes.</summary>
    public const int MaxRuns = 1024;

    private Socket.iovec* _runs;
    private Socket.msghdr* _header;
    private readonly int _capacity;
    private int _first;
    private int _end;

    /// <summary>An empty vector.</summary>
    /// <param name="capacity">Runs it can hold, 1 to 1024.</param>
    public SendVector(int capacity = MaxRuns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, MaxRuns);
        _capacity = capacity;
        _runs = (Socket.iovec*)NativeMemory.AlignedAlloc((nuint)(capacity * sizeof(Socket.iovec)), 64);
        _header = (Socket.msghdr*)NativeMemory.AllocZeroed((nuint)sizeof(Socket.msghdr));
    }

    /// <summary>Frees the native arrays that nobody disposed of.</summary>
    ~SendVector() => Free();

    /// <summary>Runs not sent yet.</summary>
    public int Count => _end - _first;

    /// <summary>Bytes not sent yet.</summary>
    public long Bytes { get; private set; }

    /// <summary>True where all has been sent.</summary>
    public bool IsEmpty => _first == _end;

    /// <summary>Runs that can still be added before the next <see cref="Clear"/>.</summary>
    public int Room => _capacity - _end;

    /// <summary>The msghdr for what is left, valid until the vector changes.</summary>
    internal Socket.msghdr* Header
    {
        get
        {
            _header->msg_iov = _runs + _first;
            _header->msg_iovlen = (nuint)(_end - _first);
            return _header;
        }
    }

    /// <summary>Adds a run at the end. An empty run is dropped. Not while a send of this vector is in flight.</summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="Room"/>.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(NativeSlice bytes)
    {
        if (bytes.Length == 0)
        {
            return;
        }

        if (_end == _capacity)
        {
            ThrowFull();
        }

        _runs[_end].iov_base = (byte*)bytes.Address;
        _runs[_end].iov_len = (nuint)bytes.Length;
        _end++;
        Bytes += bytes.Length;
    }

    /// <summary>Drops the first <paramref name="sent"/> bytes; a run sent in part keeps its rest.</summary>
    public void Advance(long sent)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sent, Bytes);
        Bytes -= sent;
        while (sent > 0)
        {
            Socket.iovec* run = _runs + _first;
            if ((nuint)sent < run->iov_len)
            {
                run->iov_base += sent;
                run->iov_len -= (nuint)sent;
                return;
            }

            sent -= (long)run->iov_len;
            _first++;
        }

        if (_first == _end)
        {
            Clear();
        }
    }

    /// <summary>The first run that is not sent yet, for a transport that copies; throws where the vector is empty.</summary>
    public NativeSlice First()
    {
        if (IsEmpty)
        {
            throw new InvalidOperationException("the vector is empty");
        }

        return new NativeSlice((nint)_runs[_first].iov_base, checked((int)_runs[_first].iov_len));
    }

    /// <summary>Forgets everything. Not while a send of this vector is in flight.</summary>
    public void Clear()
    {
        _first = 0;
        _end = 0;
        Bytes = 0;
    }

    /// <summary>Frees the native arrays. Not while a send of this vector is in flight.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static void ThrowFull() => throw new InvalidOperationException($"the vector is full; send it first (at most {MaxRuns} runs)");

    private void Free()
    {
        NativeMemory.AlignedFree(_runs);
        NativeMemory.Free(_header);
        _runs = null;
        _header = null;
        Clear();
    }
}
