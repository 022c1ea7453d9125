namespace Harness.Nbd;

/// <summary>What a server does with a request.</summary>
public enum RequestAction : byte
{
    /// <summary>Start it.</summary>
    Serve,

    /// <summary>Answer that it succeeded: there is nothing to do. A READ of no bytes is answered without data.</summary>
    Succeed,

    /// <summary>Consume its data, if any, and answer with the error.</summary>
    Refuse,

    /// <summary>DISC: finish what is in flight and close. There is no reply.</summary>
    Disconnect,

    /// <summary>Close now: so much data is announced that it cannot even be skipped.</summary>
    Drop,
}

/// <summary>Which rule a request breaks.</summary>
public enum RequestFault : byte
{
    /// <summary>None.</summary>
    None,

    /// <summary>The command is not in the protocol.</summary>
    UnknownCommand,

    /// <summary>The command is not among the export's transmission flags.</summary>
    CommandNotOffered,

    /// <summary>BLOCK_STATUS without a selected metadata context.</summary>
    NoMetaContext,

    /// <summary>A flag is not in the protocol, or not in this form of request.</summary>
    UnknownFlag,

    /// <summary>The flag belongs to another command.</summary>
    FlagOfOtherCommand,

    /// <summary>The flag is not among the export's transmission flags.</summary>
    FlagNotOffered,

    /// <summary>A write of some kind to a read-only export.</summary>
    ReadOnly,

    /// <summary>A FLUSH with an offset or a length.</summary>
    FlushWithRange,

    /// <summary>The range does not lie within the export.</summary>
    OutOfRange,

    /// <summary>Offset or length is no multiple of the minimum block size.</summary>
    Unaligned,

    /// <summary>A READ or WRITE is larger than the largest payload.</summary>
    TooLarge,

    /// <summary>A BLOCK_STATUS of no bytes, to which there is no answer.</summary>
    NothingAsked,

    /// <summary>A BLOCK_STATUS with a payload that does not name each of some selected contexts once.</summary>
    BadStatusPayload,

    /// <summary>A WRITE is so large that its data is not even skipped.</summary>
    FarTooLarge,
}

/// <summary>
/// What <see cref="RequestRules"/> says of one request. Holds no text, so that refusing costs no memory; <see cref="RequestRules.Explain"/> has it.
/// </summary>
/// <param name="Action">What is to happen.</param>
/// <param name="Fault">Why, where it is not to be served.</param>
/// <param name="Error">What to answer where the action is <see cref="RequestAction.Refuse"/>.</param>
/// <param name="SkipBytes">Bytes of data that follow the request and are to be read and thrown away before the next one. For a request that is served, its
/// data is the command's and this is 0.</param>
public readonly record struct RequestVerdict(RequestAction Action, RequestFault Fault, NbdError Error, uint SkipBytes)
{
    /// <summary>True where the request is to be started.</summary>
    public bool IsServed => Action == RequestAction.Serve;
}
