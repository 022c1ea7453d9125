using System.Numerics;

namespace Harness.Io;

/// <summary>
/// Set-up flags of a ring, named as in <c>io_uring_setup(2)</c> without <c>IORING_SETUP_</c>. Asked for through <see cref="RingOptions"/>, granted in <see
/// cref="Ring.Flags"/>.
/// </summary>
[Flags]
public enum SetupFlags : uint
{
    /// <summary>None.</summary>
    NONE = 0,
    /// <summary>A kernel thread takes submissions, so that submitting needs no call (5.1).</summary>
    SQPOLL = 1u << 1,
    /// <summary>The SQPOLL thread stays on one CPU (5.1).</summary>
    SQ_AFF = 1u << 2,
    /// <summary>The size of the completion queue is given (5.5).</summary>
    CQSIZE = 1u << 3,
    /// <summary>Sizes above the kernel's limits are cut down instead of refused (5.6).</summary>
    CLAMP = 1u << 4,
    /// <summary>The ring starts disabled, and belongs to the thread that enables it (5.10).</summary>
    R_DISABLED = 1u << 6,
    /// <summary>A bad entry does not stop the submission of those after it (5.18).</summary>
    SUBMIT_ALL = 1u << 7,
    /// <summary>Completions do not interrupt the thread in user space (5.19).</summary>
    COOP_TASKRUN = 1u << 8,
    /// <summary>The SQ ring shows when completions wait to be brought in (5.19).</summary>
    TASKRUN_FLAG = 1u << 9,
    /// <summary>Only one thread submits (6.0).</summary>
    SINGLE_ISSUER = 1u << 12,
    /// <summary>Completions are processed only inside a call that asks for them (6.1).</summary>
    DEFER_TASKRUN = 1u << 13,
    /// <summary>No indirection array between the SQ ring and its entries (6.6).</summary>
    NO_SQARRAY = 1u << 16,
}

/// <summary>What this kernel's ring can do, named as in <c>io_uring_setup(2)</c> without <c>IORING_FEAT_</c>.</summary>
[Flags]
public enum RingFeatures : uint
{
    /// <summary>None.</summary>
    NONE = 0,
    /// <summary>SQ and CQ ring share one mapping (5.4).</summary>
    SINGLE_MMAP = 1u << 0,
    /// <summary>Completions that find no room are kept, not dropped (5.5).</summary>
    NODROP = 1u << 1,
    /// <summary>What an entry points to needs to live only until it is submitted, buffers excepted (5.5).</summary>
    SUBMIT_STABLE = 1u << 2,
    /// <summary>Offset -1 means the file's own position (5.6).</summary>
    RW_CUR_POS = 1u << 3,
    /// <summary>Operations run with the submitter's credentials (5.6).</summary>
    CUR_PERSONALITY = 1u << 4,
    /// <summary>Sockets are polled inside the kernel instead of by worker threads (5.7).</summary>
    FAST_POLL = 1u << 5,
    /// <summary>Poll masks have 32 bits (5.9).</summary>
    POLL_32BITS = 1u << 6,
    /// <summary>SQPOLL takes ordinary descriptors (5.11).</summary>
    SQPOLL_NONFIXED = 1u << 7,
    /// <summary>The waiting call takes a timeout (5.11).</summary>
    EXT_ARG = 1u << 8,
    /// <summary>Workers are threads of the process (5.12).</summary>
    NATIVE_WORKERS = 1u << 9,
    /// <summary>Registered resources may carry tags (5.13).</summary>
    RSRC_TAGS = 1u << 10,
    /// <summary>Completions of successful operations can be left out (5.17).</summary>
    CQE_SKIP = 1u << 11,
    /// <summary>Files of linked entries are looked up when each starts (5.17).</summary>
    LINKED_FILE = 1u << 12,
    /// <summary>Register calls take a registered ring descriptor (6.3).</summary>
    REG_REG_RING = 1u << 13,
    /// <summary>Bundled send and receive (6.10).</summary>
    RECVSEND_BUNDLE = 1u << 14,
    /// <summary>The waiting call takes a minimum wait (6.12).</summary>
    MIN_TIMEOUT = 1u << 15,
    /// <summary>Reads and writes take attributes (6.14).</summary>
    RW_ATTR = 1u << 16,
    /// <summary>Waiting need not count as I/O wait (6.15).</summary>
    NO_IOWAIT = 1u << 17,
}

/// <summary>Flags of one submission entry, from <c>io_uring_enter(2)</c> (<c>IOSQE_*</c>).</summary>
[Flags]
public enum SqeFlags : byte
{
    /// <summary>None.</summary>
    NONE = 0,
    /// <summary>The descriptor is an index into the registered files.</summary>
    FIXED_FILE = 1,
    /// <summary>Starts when all before it have completed.</summary>
    IO_DRAIN = 2,
    /// <summary>The next entry starts when this one has completed; a failure or short transfer cancels the rest of the chain.</summary>
    IO_LINK = 4,
    /// <summary>As <see cref="IO_LINK"/>, but the chain goes on after a failure.</summary>
    IO_HARDLINK = 8,
    /// <summary>Goes to a worker thread at once.</summary>
    ASYNC = 0x10,
    /// <summary>The kernel takes a buffer from the group that the entry names.</summary>
    BUFFER_SELECT = 0x20,
    /// <summary>No completion is posted when the operation succeeds (5.17).</summary>
    CQE_SKIP_SUCCESS = 0x40,
}

/// <summary>Flags of a completion, from <c>io_uring_enter(2)</c> (<c>IORING_CQE_F_*</c>).</summary>
[Flags]
public enum CqeFlags : uint
{
    /// <summary>None.</summary>
    NONE = 0,
    /// <summary>The upper 16 bits of the flags are the id of a provided buffer.</summary>
    BUFFER = 1,
    /// <summary>The request lives on and will complete again.</summary>
    MORE = 2,
    /// <summary>The socket had more data when this was posted.</summary>
    SOCK_NONEMPTY = 4,
    /// <summary>Second completion of a zero-copy send: its buffer is free again.</summary>
    NOTIF = 8,
    /// <summary>The kernel keeps filling the buffer: an incremental buffer ring (6.12).</summary>
    BUF_MORE = 0x10,
}

/// <summary>Flags of the waiting call, from <c>io_uring_enter(2)</c> (<c>IORING_ENTER_*</c>).</summary>
[Flags]
public enum EnterFlags : uint
{
    /// <summary>None: submit only.</summary>
    NONE = 0,
    /// <summary>Bring completions in, and wait where a minimum is asked for.</summary>
    GETEVENTS = 1,
    /// <summary>Wake the SQPOLL thread.</summary>
    SQ_WAKEUP = 2,
    /// <summary>Wait until the SQ has room (SQPOLL).</summary>
    SQ_WAIT = 4,
    /// <summary>The argument is a structure with a timeout.</summary>
    EXT_ARG = 8,
    /// <summary>The descriptor is an index of a registered ring.</summary>
    REGISTERED_RING = 16,
}

/// <summary>Prints the flag enumerations of a ring as the manual pages write them.</summary>
public static class RingFlagNames
{
    /// <summary>The names of the set bits, lowest first, joined by <c>|</c>; a bit without a name as <c>1&lt;&lt;N</c>; <c>0</c> for none.</summary>
    /// <param name="flags">Granted or asked-for set-up flags.</param>
    public static string ToNames(this SetupFlags flags) => Join((uint)flags, bit => ((SetupFlags)bit).ToString());

    /// <inheritdoc cref="ToNames(SetupFlags)"/>
    /// <param name="features">Features of a ring.</param>
    public static string ToNames(this RingFeatures features) => Join((uint)features, bit => ((RingFeatures)bit).ToString());

    private static string Join(uint bits, Func<uint, string> name)
    {
        var names = new List<string>();
        for (uint rest = bits; rest != 0; rest &= rest - 1)
        {
            int index = BitOperations.TrailingZeroCount(rest);
            string text = name(1u << index);
            names.Add(char.IsAsciiDigit(text[0]) ? $"1<<{index}" : text);
        }
        return names.Count == 0 ? "0" : string.Join('|', names);
    }
}
