using System.Runtime.CompilerServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// Provided buffers: a ring of memory from which the kernel takes a buffer when data arrives, so that idle connections hold none
/// (<c>io_uring_register(2)</c>, <c>IORING_REGISTER_PBUF_RING</c>). Made by <see cref="Ring.RegisterBufferRing"/>; only the ring's thread may use it.
/// </summary>
/// <remarks>
/// Each completion with <see cref="Cqe.HasBuffer"/> goes to <see cref="Take"/> once, in order. When its bytes are used and
/// <see cref="Cqe.BufferHasMore"/> is not set, <see cref="Recycle"/> gives the buffer back. When the kernel finds none, the request ends with
/// <c>-ENOBUFS</c> and the data stays in the socket: recycle, then receive anew.
/// </remarks>
public sealed unsafe class BufferRing : IDisposable
{
    // Where a cache line begins: a receive buffer 16 bytes into a page was measured at a third of the speed of one 64 bytes in.
    private const int Alignment = 64;
    private const int TailOffset = 14;

    private readonly Ring _ring;
    private readonly nint _stride;
    private readonly ushort _mask;
    private readonly nuint _entriesSize;
    private readonly int[] _filled;
    private readonly bool[] _lent;
    private io_uring_buf* _entries;
    private byte* _memory;
    private ushort _tail;

    internal BufferRing(Ring ring, ushort groupId, int entries, int bufferSize, bool incremental)
    {
        if (entries is < 1 or > 32768 || !int.IsPow2(entries))
        {
            throw new ArgumentOutOfRangeException(nameof(entries), entries, "a buffer ring has a power of two of entries, up to 32768");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(bufferSize, 1);
        (_ring, GroupId, Count, BufferSize, IsIncremental) = (ring, groupId, entries, bufferSize, incremental);
        _stride = ((nint)bufferSize + Alignment - 1) & ~(nint)(Alignment - 1);
        _mask = (ushort)(entries - 1);
        _filled = new int[entries];
        _lent = new bool[entries];
        _entriesSize = (nuint)entries * (nuint)sizeof(io_uring_buf);
        _entries = (io_uring_buf*)Mman.MapAnonymous(_entriesSize);
        try
        {
            _memory = (byte*)Mman.MapAnonymous((nuint)entries * (nuint)_stride);
            Register();
        }
        catch
        {
            Free();
            throw;
        }
        for (int i = 0; i < entries; i++)
        {
            Add((ushort)i);
        }

        Publish();
    }

    /// <summary>The group that entries name.</summary>
    public ushort GroupId { get; }

    /// <summary>Buffers in all.</summary>
    public int Count { get; }

    /// <summary>Bytes of each buffer.</summary>
    public int BufferSize { get; }

    /// <summary>The kernel fills a buffer over several completions.</summary>
    public bool IsIncremental { get; }

    /// <summary>Buffers that the kernel may fill, as far as completions taken so far tell.</summary>
    public int Available { get; private set; }

    /// <summary>The bytes that a completion brought. They stay valid until <see cref="Recycle"/>.</summary>
    /// <param name="cqe">A completion of this group, with <see cref="Cqe.HasBuffer"/>; each must come here once, in the order it was posted.</param>
    /// <exception cref="InvalidOperationException">The completion has no buffer, or one that is not the kernel's.</exception>
    public NativeSlice Take(in Cqe cqe)
    {
        int id = cqe.BufferId;
        if (!cqe.HasBuffer || id >= Count || _lent[id])
        {
            throw new InvalidOperationException($"the completion brings no buffer that group {GroupId} lent to the kernel (flags 0x{(uint)cqe.Flags:x})");
        }

        int start = _filled[id];
        int length = Math.Clamp(cqe.Result, 0, BufferSize - start);
        _filled[id] = start + length;
        if (!cqe.BufferHasMore)
        {
            _lent[id] = true;
            Available--;
        }
        return new NativeSlice((nint)(Pointer(id) + start), length);
    }

    /// <summary>Gives a buffer back to the kernel. Memory only, no call.</summary>
    /// <param name="bufferId">A buffer whose last completion, the one without <see cref="Cqe.BufferHasMore"/>, was taken.</param>
    /// <exception cref="InvalidOperationException">The kernel has it already: two completions would write to it.</exception>
    public void Recycle(ushort bufferId)
    {
        if (bufferId >= Count || !_lent[bufferId])
        {
            throw new InvalidOperationException($"buffer {bufferId} of group {GroupId} is not ours to give back");
        }

        _lent[bufferId] = false;
        Add(bufferId);
        Publish();
    }

    /// <summary>Unregisters the ring and frees the memory. First cancel the requests that use it and take their completions.</summary>
    public void Dispose()
    {
        if (_entries == null)
        {
            return;
        }

        io_uring_buf_reg registration = new() { bgid = GroupId };
        // When the ring is closed already, so is the registration.
        IoUring.Register(_ring.FileDescriptor, IoUring.IORING_UNREGISTER_PBUF_RING, &registration, 1);
        Free();
    }

    private void Register()
    {
        io_uring_buf_reg registration = new()
        {
            ring_addr = (ulong)_entries,
            ring_entries = (uint)Count,
            bgid = GroupId,
            flags = IsIncremental ? IoUring.IOU_PBUF_RING_INC : (ushort)0,
        };
        _ring.Register(IoUring.IORING_REGISTER_PBUF_RING, &registration, 1, nameof(IoUring.IORING_REGISTER_PBUF_RING));
    }

    // Field by field: the last two bytes of entry 0 are the ring's tail.
    private void Add(ushort id)
    {
        io_uring_buf* entry = _entries + (_tail & _mask);
        entry->addr = (ulong)Pointer(id);
        entry->len = (uint)BufferSize;
        entry->bid = id;
        _filled[id] = 0;
        _tail++;
        Available++;
    }

    // Release: the kernel sees the entries before the tail.
    private void Publish() => Volatile.Write(ref *(ushort*)((byte*)_entries + TailOffset), _tail);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* Pointer(int id)
    {
        ObjectDisposedException.ThrowIf(_memory == null, this);
        return _memory + id * _stride;
    }

    private void Free()
    {
        Mman.munmap((nint)_entries, _entriesSize);
        if (_memory != null)
        {
            Mman.munmap((nint)_memory, (nuint)Count * (nuint)_stride);
        }

        _entries = null;
        _memory = null;
    }
}
