using Harness.Nbd;

namespace Harness.Copy;

/// <summary>A BLOCK_STATUS: where a server's data is.</summary>
internal sealed class ExtentQuestion : IClientRequestHandler, IClientChunkHandler
{
    private readonly IExtentSink _sink;
    private readonly ClientRequest _request;
    private ulong _left;

    public ExtentQuestion(IExtentSink sink)
    {
        _sink = sink;
        _request = new ClientRequest(this) { Command = NbdCommand.BlockStatus, Chunks = this };
    }

    public void Ask(NbdClient client, ulong offset, ulong length)
    {
        (_request.Offset, _request.Length, _left) = (offset, length, length);
        client.Submit(_request);
    }

    public void OnExtent(ClientRequest request, in MetaContext context, ulong length, ulong flags)
    {
        // The last one may reach beyond what was asked for, and beyond the export's end where a server is careless.
        ulong taken = Math.Min(length, _left);
        _left -= taken;
        if (taken > 0)
        {
            _sink.Add(taken, ((AllocationFlags)flags & AllocationFlags.Zero) != 0);
        }
    }

    public void OnCompleted(ClientRequest request, int error) => _sink.Answered(error);
}
