using Harness.Io;
using Harness.Nbd;

namespace Harness.Copy;

/// <summary>One request on its way over a connection.</summary>
internal sealed class NbdPort : CopyPort, IClientRequestHandler, IClientChunkHandler
{
    private readonly NbdLink _link;
    private readonly ICopyHandler _handler;
    private readonly ClientRequest _request;
    private readonly bool _allocates;
    private string _said = string.Empty;

    /// <param name="link">The connection.</param>
    /// <param name="handler">Told of each end.</param>
    /// <param name="allocates">Zeroes are to take space.</param>
    public NbdPort(NbdLink link, ICopyHandler handler, bool allocates)
    {
        _link = link;
        _handler = handler;
        _allocates = allocates;
        _request = new ClientRequest(this) { Chunks = this };
    }

    public override string Said => _said;

    public override int? Start(CopyAction action, ulong offset, NativeSlice memory, ulong length)
    {
        (_request.Command, _request.Flags) = action switch
        {
            CopyAction.Read => (NbdCommand.Read, NbdCommandFlags.None),
            CopyAction.Write => (NbdCommand.Write, NbdCommandFlags.None),
            CopyAction.Zero => (NbdCommand.WriteZeroes, _allocates ? NbdCommandFlags.NoHole : NbdCommandFlags.None),
            _ => (NbdCommand.Flush, NbdCommandFlags.None),
        };
        _request.Offset = offset;
        _request.Length = length;
        _request.Payload = action == CopyAction.Write ? memory : default;
        _request.Destination = action == CopyAction.Read ? memory : default;
        _link.Client!.Submit(_request);
        return null;
    }

    public void OnCompleted(ClientRequest request, int error) => _handler.Completed(error);

    public void OnError(ClientRequest request, int error, ulong? offset, string text) => _said = text;
}
