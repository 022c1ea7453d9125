using Harness.Io;
using Harness.Nbd;

namespace Harness.Copy;

/// <summary>One request on its way over a connection.</summary>
internal sealed class NbdPort : CopyPort, IClientRequestHandler, IClientChunkHandler, IReadMemory
{
    private readonly NbdLink _link;
    private readonly ICopyHandler _handler;
    private readonly ClientRequest _request;
    private readonly bool _allocates;
    private CopyMemory? _memory;
    private string _said = string.Empty;

    /// <param name="link">The connection.</param>
    /// <param name="handler">Told of each end.</param>
    /// <param name="allocates">Zeroes are to take space.</param>
    public NbdPort(NbdLink link, ICopyHandler handler, bool allocates)
    {
        _link = link;
        _handler = handler;
        _allocates = allocates;
        _request = new ClientRequest(this) { Chunks = this, Memory = this };
    }

    public override string Said => _said;

    public override int? Start(CopyAction action, ulong offset, ulong length, CopyMemory? memory)
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
        _request.Payload = action == CopyAction.Write ? memory!.First(length) : default;
        _request.Destination = default;
        _memory = memory;
        _link.Client!.Submit(_request);
        return null;
    }

    public NativeSlice MemoryFor(ClientRequest request) => _memory!.First(request.Length);

    public void OnCompleted(ClientRequest request, int error) => _handler.Completed(error);

    public void OnError(ClientRequest request, int error, ulong? offset, string text) => _said = text;
}
