namespace Harness.Nbd;

/// <summary>Error numbers that may stand in a reply (32 bits on the wire). They are those of Linux. NBD protocol, "Error values".</summary>
public enum NbdError : uint
{
    /// <summary>The command succeeded.</summary>
    None = 0,

    /// <summary>Operation not permitted: a write to a read-only export.</summary>
    EPERM = 1,

    /// <summary>Input/output error.</summary>
    EIO = 5,

    /// <summary>Cannot allocate memory; servers should avoid it.</summary>
    ENOMEM = 12,

    /// <summary>Invalid argument.</summary>
    EINVAL = 22,

    /// <summary>No space left on device, or a write beyond the end.</summary>
    ENOSPC = 28,

    /// <summary>Value too large: an oversize READ, or DF that cannot be kept.</summary>
    EOVERFLOW = 75,

    /// <summary>Operation not supported: FAST_ZERO that would not be fast.</summary>
    ENOTSUP = 95,

    /// <summary>The server is stopping.</summary>
    ESHUTDOWN = 108,
}

/// <summary>Between errno values of Linux and those few that the wire may carry. Any thread may call; nothing is allocated.</summary>
public static class NbdErrors
{
    private const int EROFS = 30;
    private const int EFBIG = 27;
    private const int EDQUOT = 122;

    /// <summary>What a server sends for an errno: EROFS becomes EPERM, EDQUOT and EFBIG become ENOSPC, and what the wire has no code for becomes EIO.</summary>
    /// <param name="errno">0, a positive errno, or a negated one as the kernel returns it.</param>
    public static NbdError ToWire(int errno)
    {
        int number = errno < 0 ? unchecked(-errno) : errno;
        return number switch
        {
            EROFS => NbdError.EPERM,
            EFBIG or EDQUOT => NbdError.ENOSPC,
            _ => IsKnown((uint)number) ? (NbdError)number : NbdError.EIO,
        };
    }

    /// <summary>
    /// What a client takes from a reply: 0 or a positive errno. A number that the protocol does not list counts as EINVAL, and the connection goes on.
    /// </summary>
    public static int FromWire(uint error) => IsKnown(error) ? (int)error : (int)NbdError.EINVAL;

    private static bool IsKnown(uint error) => (NbdError)error is NbdError.None or NbdError.EPERM or NbdError.EIO or NbdError.ENOMEM or NbdError.EINVAL
        or NbdError.ENOSPC or NbdError.EOVERFLOW or NbdError.ENOTSUP or NbdError.ESHUTDOWN;
}
