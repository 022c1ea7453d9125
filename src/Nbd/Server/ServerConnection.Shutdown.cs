using Harness.Io.Native;

namespace Harness.Nbd;

/// <content>
/// The end of a drain's patience: what a block still has is answered in its place with ESHUTDOWN, so that the client knows which requests
/// were not done, and what becomes of the request itself no longer concerns anybody.
/// </content>
internal sealed partial class ServerConnection
{
    private AbandonedRequests? _abandoned;

    /// <summary>The deadline of a drain has passed. The connection closes when the answers have been sent.</summary>
    public void Abandon()
    {
        BlockRequest[] late = [.. _home.Blocks.All.Where(request => request.Owner == this && request.IsStarted)];
        string patience = $"the drain took longer than {_options.DrainDeadlineNs / 1_000_000_000.0:0.#} s";
        if (late.Length == 0 || _ending != Ending.Finishing)
        {
            Break($"closed with {_inFlight} requests in flight: {patience}");
            return;
        }

        _server.Log.Line($"{_transport.Peer}: {late.Length} requests in flight are answered with ESHUTDOWN: {patience}");
        _abandoned = new AbandonedRequests(this);
        foreach (BlockRequest request in late)
        {
            AnswerInPlaceOf(request);
        }

        AtTurnEnd();
    }

    /// <summary>The last chance of <see cref="Abandon"/> has passed as well: the client does not take its answers.</summary>
    public void CutOff() => Break($"closed with {_inFlight} answers that the client did not take");

    private void AnswerInPlaceOf(BlockRequest request)
    {
        request.Owner = _abandoned!;
        _abandoned!.Count++;
        BlockRequest answer = _home.Blocks.Rent(this);
        (answer.Command, answer.Flags, answer.Offset, answer.Length) = (request.Command, request.Flags, request.Offset, request.Length);
        (answer.Cookie, answer.ReplyOffset, answer.Charge) = (request.Cookie, request.ReplyOffset, request.Charge);
        request.Charge = 0;
        answer.Fail(Errno.ESHUTDOWN);
        OnRequestCompleted(answer);
    }

    /// <summary>Owns requests whose client has been answered; they give back what they hold when their block completes them after all.</summary>
    private sealed class AbandonedRequests(ServerConnection connection) : IBlockRequestOwner
    {
        public int Count { get; set; }

        public void OnRequestCompleted(BlockRequest request)
        {
            request.PayloadLease?.Release();
            request.PayloadLease = null;
            request.Release();
            Count--;
            connection.AtTurnEnd();
        }
    }
}
