using System.Runtime.InteropServices;
using Harness.Io.Native;

namespace Harness.Io;

/// <summary>
/// One io_uring: a queue of requests to the kernel and a queue of their completions, shared with it as memory (<c>io_uring(7)</c>).
/// Prepare entries, <see cref="SubmitAndWait"/>, then take completions with <see cref="TryTake"/>.
/// </summary>
/// <remarks>
/// A ring belongs to one thread, the one that calls <see cref="Enable"/>; unless a member says otherwise, only that thread may call it. Nothing is locked.
/// Memory that an entry points to stays where it is until the request's last completion: native memory, not an array that the garbage collector may move.
/// Before <see cref="Dispose"/>, cancel what is pending and take its completions, for the kernel may write to buffers until then.
/// </remarks>
public sealed unsafe partial class Ring : IDisposable
{
    private readonly int _fd;
    private readonly bool _submissionPolling;
    private readonly bool _timeoutInEnter;
    private volatile bool _isEnabled;
    private bool _disposed;

    // Pointers into the mappings shared with the kernel. Every index among them is read and written with Volatile.
    private uint* _sqHead;
    private uint* _sqTail;
    private uint* _sqFlags;
    private io_uring_sqe* _sqes;
    private uint* _cqHead;
    private uint* _cqTail;
    private io_uring_cqe* _cqes;
    private uint _sqEntries;
    private uint _sqMask;
    private uint _cqMask;

    private nint _sqRing;
    private nint _cqRing;
    private nuint _sqRingSize;
    private nuint _cqRingSize;
    private nuint _sqesSize;

    // One timespec for each SQ slot: the kernel has read it when it gives the slot back.
    private __kernel_timespec* _timespecs;

    /// <summary>Creates a ring with the flags that this kernel grants.</summary>
    /// <param name="options">What to ask for; null means the defaults.</param>
    /// <exception cref="RingUnavailableException">io_uring is refused or missing; the message says by whom and what to do.</exception>
    /// <exception cref="RingException">The queues could not be mapped.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public Ring(RingOptions? options = null) : this(options ?? new RingOptions(), RingEnvironment.Real)
    {
    }

    internal Ring(RingOptions options, RingEnvironment environment)
    {
        options.Validate();
        _fd = RingSetup.Create(options, environment, out io_uring_params parameters);
        _enterFd = _fd;
        Flags = parameters.flags;
        Features = parameters.features;
        _isEnabled = (Flags & SetupFlags.R_DISABLED) == 0;
        _submissionPolling = (Flags & SetupFlags.SQPOLL) != 0;
        _timeoutInEnter = (Features & RingFeatures.EXT_ARG) != 0;
        try
        {
            Map(in parameters);
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Set-up flags that the kernel granted; <see cref="RingFlagNames.ToNames(SetupFlags)"/> prints them. Any thread.</summary>
    public SetupFlags Flags { get; }

    /// <summary>What this kernel's rings can do. Any thread.</summary>
    public RingFeatures Features { get; }

    /// <summary>Slots of the submission queue, as granted: a power of two. Any thread.</summary>
    public uint SubmissionEntries => _sqEntries;

    /// <summary>Slots of the completion queue, as granted: a power of two. Any thread.</summary>
    public uint CompletionEntries => _cqMask + 1;

    /// <summary>The ring's file descriptor; it polls readable while completions wait. Owned by the ring. Any thread.</summary>
    public int FileDescriptor => _fd;

    /// <summary>False until <see cref="Enable"/>; submitting before then answers <c>-EBADFD</c>. Any thread.</summary>
    public bool IsEnabled => _isEnabled;

    /// <summary>Makes the ring the calling thread's, and lets it submit (<c>IORING_REGISTER_ENABLE_RINGS</c>). Does nothing when the ring is enabled.</summary>
    /// <exception cref="RingException">The kernel refused.</exception>
    public void Enable()
    {
        if (IsEnabled)
        {
            return;
        }

        Register(IoUring.IORING_REGISTER_ENABLE_RINGS, null, 0, nameof(IoUring.IORING_REGISTER_ENABLE_RINGS));
        _isEnabled = true;
    }

    /// <summary>
    /// Closes the ring and gives its memory back. The kernel cancels what is pending, but not before this returns. No other member may be called after, or at
    /// the same time.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        // The registration belongs to the thread that made it; from another thread this fails, and the kernel drops it when that thread ends.
        if (IsRingFdRegistered)
        {
            TryUnregisterRingFd();
        }

        Release();
    }

    private void Map(in io_uring_params p)
    {
        bool array = (p.flags & SetupFlags.NO_SQARRAY) == 0;
        // Kernels that can do without the array have one mapping for both rings, so that its size is then the completion queue's.
        nuint sqSize = array ? p.sq_off.array + p.sq_entries * sizeof(uint) : 0;
        nuint cqSize = p.cq_off.cqes + p.cq_entries * (nuint)sizeof(io_uring_cqe);
        bool single = (p.features & RingFeatures.SINGLE_MMAP) != 0;

        _sqRingSize = single ? nuint.Max(sqSize, cqSize) : sqSize;
        _sqRing = MapPart(_sqRingSize, IoUring.IORING_OFF_SQ_RING);
        _cqRingSize = single ? 0 : cqSize;
        _cqRing = single ? _sqRing : MapPart(cqSize, IoUring.IORING_OFF_CQ_RING);
        _sqesSize = p.sq_entries * (nuint)sizeof(io_uring_sqe);
        _sqes = (io_uring_sqe*)MapPart(_sqesSize, IoUring.IORING_OFF_SQES);
        _timespecs = (__kernel_timespec*)NativeMemory.AllocZeroed(p.sq_entries, (nuint)sizeof(__kernel_timespec));

        _sqHead = (uint*)(_sqRing + (nint)p.sq_off.head);
        _sqTail = (uint*)(_sqRing + (nint)p.sq_off.tail);
        _sqFlags = (uint*)(_sqRing + (nint)p.sq_off.flags);
        _cqHead = (uint*)(_cqRing + (nint)p.cq_off.head);
        _cqTail = (uint*)(_cqRing + (nint)p.cq_off.tail);
        _cqes = (io_uring_cqe*)(_cqRing + (nint)p.cq_off.cqes);
        _sqEntries = p.sq_entries;
        _sqMask = p.sq_entries - 1;
        _cqMask = p.cq_entries - 1;
        _tail = _published = Volatile.Read(ref *_sqTail);
        _head = Volatile.Read(ref *_cqHead);

        // Slot i of the ring is entry i, for good. Newer kernels need no such table.
        uint* indices = (uint*)(_sqRing + (nint)p.sq_off.array);
        for (uint i = 0; array && i < p.sq_entries; i++)
        {
            indices[i] = i;
        }
    }

    private nint MapPart(nuint size, long offset)
    {
        nint address = Mman.mmap(0, size, Mman.PROT_READ | Mman.PROT_WRITE, Mman.MAP_SHARED | Mman.MAP_POPULATE, _fd, offset);
        return address != Mman.MAP_FAILED ? address : throw new RingException("mmap of a ring", Marshal.GetLastSystemError());
    }

    private void Release()
    {
        if (_sqes != null)
        {
            Mman.munmap((nint)_sqes, _sqesSize);
        }

        if (_cqRing != 0 && _cqRing != _sqRing)
        {
            Mman.munmap(_cqRing, _cqRingSize);
        }

        if (_sqRing != 0)
        {
            Mman.munmap(_sqRing, _sqRingSize);
        }

        NativeMemory.Free(_timespecs);
        // A late call must end in a NullReferenceException, not in memory that now belongs to someone else.
        _sqHead = _sqTail = _sqFlags = _cqHead = _cqTail = null;
        _sqes = null;
        _cqes = null;
        _timespecs = null;
        _sqRing = _cqRing = 0;
        Unistd.close(_fd);
    }
}
